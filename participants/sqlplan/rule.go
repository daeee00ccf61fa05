package sqlplan

// Rule says what happens to one table. A plan lists what is deleted and what is kept and why; the database says in which
// order.
type Rule struct {
	table string
	// keep is the reason why the table stays; empty for tables that are deleted.
	keep string
	// column is the tenant column; empty means Config.TenantColumn. Unused when via is set.
	column string
	// via is the parent through which the rows are reached, viaColumn a column of the foreign key that leads there.
	via, viaColumn string
	// keepNull is the reason why rows whose tenant column is NULL are shared and stay; empty when none may exist.
	keepNull string
}

// Delete plans a table whose tenant column says which rows are the tenant's.
func Delete(table string) Rule { return Rule{table: table} }

// Keep plans a table that stays, with the reason that the preview and the certificate show. A reason is required.
func Keep(table, reason string) Rule { return Rule{table: table, keep: reason} }

// By names the tenant column when it is not the plan's usual one.
func (r Rule) By(column string) Rule { r.column = column; return r }

// Via reaches the rows through a parent: column is (one of) the referencing column(s) of the foreign key to it. The foreign
// key must exist and its columns must be NOT NULL, or rows could escape.
func (r Rule) Via(column, parent string) Rule { r.viaColumn, r.via = column, parent; return r }

// KeepingNull declares that rows without a tenant are shared and stay. Without it a nullable tenant column is refused.
func (r Rule) KeepingNull(reason string) Rule { r.keepNull = reason; return r }
