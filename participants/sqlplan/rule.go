package sqlplan

// Rule says what happens to one table. A plan lists what is deleted and what is kept and why; the database says in which
// order.
type Rule struct {
	table string
	// kept tables stay, for the reason.
	kept   bool
	reason string
	// column is the tenant column; empty means Config.TenantColumn. Unused when via is set.
	column string
	// via is the parent through which the rows are reached, viaColumn a column of the foreign key that leads there.
	via, viaColumn string
	// keepsNull says that rows whose tenant column is NULL are shared and stay, for the reason.
	keepsNull bool
}

// Delete plans a table whose tenant column says which rows are the tenant's.
func Delete(table string) Rule { return Rule{table: table} }

// Keep plans a table that stays, with the reason that the preview and the certificate show. A reason is required.
func Keep(table, reason string) Rule { return Rule{table: table, kept: true, reason: reason} }

// By names the tenant column when it is not the plan's usual one.
func (r Rule) By(column string) Rule { r.column = column; return r }

// Via reaches the rows through a parent: column is (one of) the referencing column(s) of the foreign key to it. The foreign
// key must exist and its columns must be NOT NULL, or rows could escape.
func (r Rule) Via(column, parent string) Rule { r.viaColumn, r.via = column, parent; return r }

// KeepingNull declares that rows without a tenant are shared and stay. Without it a nullable tenant column is refused.
func (r Rule) KeepingNull(reason string) Rule { r.keepsNull, r.reason = true, reason; return r }

// direct reports whether the table's own column says which rows are the tenant's.
func (r Rule) direct() bool { return !r.kept && r.via == "" }

// mistake says what is wrong with the rule by itself; empty when nothing is.
func (r Rule) mistake() string {
	switch {
	case r.table == "":
		return "a rule names no table"
	case (r.kept || r.keepsNull) && r.reason == "":
		return "keeping needs a reason"
	case r.kept && (r.via != "" || r.column != "" || r.keepsNull):
		return "a kept table takes no By, Via or KeepingNull"
	case r.via != "" && (r.column != "" || r.keepsNull):
		return "Via excludes By and KeepingNull: the parent's column decides"
	case r.via == r.table:
		return "a table is not its own parent"
	}
	return ""
}
