package bakery

import "github.com/bakery-ia/tenant-deletion/participants/sqlplan"

// The thirteen services. A table with a tenant column is deleted by it; a table without one names the column that leads to
// its parent. The order within a list is for the reader: the database says in which order to delete.

const cityWide = "city-wide, shared by all tenants"

func alertProcessor() Declaration {
	return Declaration{Name: "alert_processor", Aliases: []string{"alert-processor"}, Wave: WaveServices, Rules: []sqlplan.Rule{
		sqlplan.Delete("alert_rules"),
		sqlplan.Delete("alerts"), // partitioned by month; the partitions need no rules
		sqlplan.Delete("alert_interactions"),
		sqlplan.Delete("alert_escalations").Via("alert_id", "alerts"),
		sqlplan.Delete("alert_audit_logs"),
	}}
}

func external() Declaration {
	return Declaration{Name: "external", Wave: WaveServices, Rules: []sqlplan.Rule{
		sqlplan.Delete("tenant_locations"),
		sqlplan.Delete("tenant_weather_data"),
		sqlplan.Delete("tenant_traffic_data"),
		sqlplan.Delete("external_audit_logs"),
		sqlplan.Keep("cities", cityWide),
		sqlplan.Keep("city_weather_data", cityWide),
		sqlplan.Keep("city_traffic_data", cityWide),
	}}
}

func forecasting() Declaration {
	return Declaration{Name: "forecasting", Wave: WaveServices, Rules: []sqlplan.Rule{
		sqlplan.Delete("prediction_batches"),
		sqlplan.Delete("forecasts"),
		sqlplan.Delete("forecast_metrics").Via("forecast_id", "forecasts"),
		sqlplan.Delete("prediction_cache"),
		sqlplan.Delete("forecasting_audit_logs"),
	}}
}

func inventory() Declaration {
	return Declaration{Name: "inventory", Wave: WaveServices, Rules: []sqlplan.Rule{
		sqlplan.Delete("products"),
		sqlplan.Delete("inventory_suppliers"),
		sqlplan.Delete("stock_movements"),
		sqlplan.Delete("stock_alerts"),
		sqlplan.Delete("purchase_orders"),
		sqlplan.Delete("purchase_order_items").Via("purchase_order_id", "purchase_orders"),
		sqlplan.Delete("inventory_audit_logs"),
	}}
}

func notification() Declaration {
	return Declaration{Name: "notification", Aliases: []string{"notifications"}, Wave: WaveServices, Rules: []sqlplan.Rule{
		sqlplan.Delete("notification_templates").KeepingNull("system templates, shared by all tenants"),
		sqlplan.Delete("notifications"),
		sqlplan.Delete("notification_logs").Via("notification_id", "notifications"),
		sqlplan.Delete("notification_preferences"),
		sqlplan.Delete("notification_audit_logs"),
	}}
}

func orders() Declaration {
	return Declaration{Name: "orders", Wave: WaveServices, Rules: []sqlplan.Rule{
		sqlplan.Delete("customers"),
		sqlplan.Delete("customer_addresses").Via("customer_id", "customers"),
		sqlplan.Delete("orders"),
		sqlplan.Delete("order_items").Via("order_id", "orders"),
		sqlplan.Delete("order_status_history").Via("order_id", "orders"),
		sqlplan.Delete("order_audit_logs"),
	}}
}

func pos() Declaration {
	return Declaration{Name: "pos", Wave: WaveServices, Rules: []sqlplan.Rule{
		sqlplan.Delete("pos_configurations"),
		sqlplan.Delete("pos_transactions"),
		sqlplan.Delete("pos_transaction_items").Via("transaction_id", "pos_transactions"),
		sqlplan.Delete("pos_webhook_logs"),
		sqlplan.Delete("pos_sync_logs"),
		sqlplan.Delete("pos_audit_logs"),
	}}
}

func production() Declaration {
	return Declaration{Name: "production", Wave: WaveServices, Rules: []sqlplan.Rule{
		sqlplan.Delete("production_runs"), // in a cycle with its steps: each run points at the current one
		sqlplan.Delete("production_run_ingredients").Via("run_id", "production_runs"),
		sqlplan.Delete("production_run_steps").Via("run_id", "production_runs"),
		sqlplan.Delete("quality_checks"),
		sqlplan.Delete("production_audit_logs"),
	}}
}

func recipes() Declaration {
	return Declaration{Name: "recipes", Wave: WaveServices, Rules: []sqlplan.Rule{
		sqlplan.Delete("recipes"), // variants point at their parent
		sqlplan.Delete("recipe_ingredients").Via("recipe_id", "recipes"),
		sqlplan.Delete("recipe_steps").Via("recipe_id", "recipes"),
		sqlplan.Delete("recipe_costings"),
		sqlplan.Delete("recipe_audit_logs"),
	}}
}

func sales() Declaration {
	return Declaration{Name: "sales", Wave: WaveServices, Rules: []sqlplan.Rule{
		sqlplan.Delete("sales_imports"),
		sqlplan.Delete("sales_records"),
		sqlplan.Delete("sales_aggregates"),
		sqlplan.Delete("sales_predictions"),
		sqlplan.Delete("sales_audit_logs"),
	}}
}

func suppliers() Declaration {
	return Declaration{Name: "suppliers", Wave: WaveServices, Rules: []sqlplan.Rule{
		sqlplan.Delete("suppliers"),
		sqlplan.Delete("supplier_contracts"),
		sqlplan.Delete("purchase_orders"),
		sqlplan.Delete("purchase_order_lines").Via("purchase_order_id", "purchase_orders"),
		sqlplan.Delete("supplier_payments"),
		sqlplan.Delete("supplier_audit_logs"),
	}}
}

func tenants() Declaration {
	return Declaration{Name: "tenants", Wave: WaveTenants, Rules: []sqlplan.Rule{
		sqlplan.Delete("tenants").By("id"),
		sqlplan.Delete("tenant_members"),
		sqlplan.Delete("tenant_subscriptions"),
		sqlplan.Delete("tenant_settings"),
		sqlplan.Delete("tenant_audit_logs"),
	}}
}

func training() Declaration {
	return Declaration{
		Name:  "training",
		Wave:  WaveServices,
		Files: Files{Folder: "tenants/{tenant}/models", Name: "model_files"},
		Rules: []sqlplan.Rule{
			sqlplan.Delete("trained_models"), // in a cycle with its artifacts: each model points at the active one
			sqlplan.Delete("model_artifacts"),
			sqlplan.Delete("model_training_logs"),
			sqlplan.Delete("model_performance_metrics").Via("model_id", "trained_models"),
			sqlplan.Delete("training_job_queue"),
			sqlplan.Delete("training_audit_logs"),
		},
	}
}
