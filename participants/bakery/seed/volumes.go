package seed

import "github.com/bakery-ia/tenant-deletion/events"

// What the generator must know by name, as it has files.
const (
	trainingService = events.Participant("training")
	artifactTable   = "model_artifacts"
)

// volumes are the platform's own numbers: each service's low end, and its high end spread over its tables with a
// believable fan-out (an order has 4 items and 3 changes of state, a sale at the counter 2 items, a run 6 ingredients and
// 4 steps). The twelve come to 494,500 rows; the tenant service's own come on top.
var volumes = map[events.Participant]volume{
	"orders": {low: 10_000, tables: []share{
		{"customers", 1_200}, {"customer_addresses", 1_500}, {"orders", 5_600}, {"order_items", 22_400},
		{"order_status_history", 16_800}, {"order_audit_logs", 2_500},
	}},
	"inventory": {low: 1_000, tables: []share{
		{"products", 240}, {"inventory_suppliers", 30}, {"stock_movements", 2_600}, {"stock_alerts", 330},
		{"purchase_orders", 250}, {"purchase_order_items", 1_050}, {"inventory_audit_logs", 500},
	}},
	"recipes": {low: 100, tables: []share{
		{"recipes", 40}, {"recipe_ingredients", 240}, {"recipe_steps", 140}, {"recipe_costings", 40}, {"recipe_audit_logs", 40},
	}},
	"sales": {low: 20_000, tables: []share{
		{"sales_imports", 120}, {"sales_records", 88_000}, {"sales_aggregates", 6_000}, {"sales_predictions", 4_880},
		{"sales_audit_logs", 1_000},
	}},
	"production": {low: 2_000, tables: []share{
		{"production_runs", 700}, {"production_run_ingredients", 4_200}, {"production_run_steps", 2_800},
		{"quality_checks", 1_400}, {"production_audit_logs", 900},
	}},
	"suppliers": {low: 500, tables: []share{
		{"suppliers", 40}, {"supplier_contracts", 60}, {"purchase_orders", 280}, {"purchase_order_lines", 1_120},
		{"supplier_payments", 300}, {"supplier_audit_logs", 200},
	}},
	"pos": {low: 50_000, tables: []share{
		{"pos_configurations", 4}, {"pos_transactions", 57_000}, {"pos_transaction_items", 114_000},
		{"pos_webhook_logs", 22_000}, {"pos_sync_logs", 5_000}, {"pos_audit_logs", 1_996},
	}},
	"external": {low: 100, tables: []share{
		{"tenant_locations", 4}, {"tenant_weather_data", 560}, {"tenant_traffic_data", 396}, {"external_audit_logs", 40},
	}, shared: []share{{"cities", 12}, {"city_weather_data", 360}, {"city_traffic_data", 360}}},
	"forecasting": {low: 10_000, tables: []share{
		{"prediction_batches", 400}, {"forecasts", 20_000}, {"forecast_metrics", 20_000}, {"prediction_cache", 8_600},
		{"forecasting_audit_logs", 1_000},
	}},
	trainingService: {low: 100, tables: []share{
		{"trained_models", 45}, {artifactTable, 90}, {"model_training_logs", 450}, {"model_performance_metrics", 270},
		{"training_job_queue", 60}, {"training_audit_logs", 85},
	}},
	"alert_processor": {low: 5_000, tables: []share{
		{"alert_rules", 40}, {"alerts", 10_000}, {"alert_interactions", 7_000}, {"alert_escalations", 5_460},
		{"alert_audit_logs", 2_500},
	}},
	"notification": {low: 10_000, tables: []share{
		{"notification_templates", 20}, {"notifications", 20_000}, {"notification_logs", 26_000},
		{"notification_preferences", 480}, {"notification_audit_logs", 3_500},
	}, shared: []share{{"notification_templates", 8}}},
	"tenants": {low: 36, tables: []share{
		{"tenants", 1}, {"tenant_members", 12}, {"tenant_subscriptions", 3}, {"tenant_settings", 16}, {"tenant_audit_logs", 40},
	}},
}
