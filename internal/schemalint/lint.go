package schemalint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"
	parser "github.com/wasilibs/go-pgquery"

	"tenant-provisioning/migrations"
)

// Finding is a statement that a rule refuses.
type Finding struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Rule string `json:"rule"`
	// Says what is wrong, and what to write instead.
	Says string `json:"says"`
}

func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Rule, f.Says)
}

// The rules.
const (
	ruleSyntax        = "syntax"
	ruleTransaction   = "transaction-nesting"
	ruleUnqualified   = "unqualified-name"
	ruleIndex         = "require-concurrent-index-creation"
	ruleColumnType    = "changing-column-type"
	ruleDefault       = "adding-field-with-default"
	ruleNotNull       = "adding-not-nullable-field"
	ruleNotValid      = "constraint-missing-not-valid"
	ruleUnique        = "disallowed-unique-constraint"
	ruleDropColumn    = "ban-drop-column"
	ruleDropTable     = "ban-drop-table"
	ruleRename        = "renaming-column"
	ruleRenameTable   = "renaming-table"
	ruleRewrite       = "rewrites-table"
	ruleLock          = "explicit-lock"
	ruleEveryRow      = "changes-every-row"
	ruleOpaque        = "opaque-block"
	placeholderSchema = "the_tenants_schema"
	placeholderRole   = "the_tenants_role"
)

// allowance is the comment by which a file says that it means something.
var allowance = regexp.MustCompile(`(?m)^--\s*lint:\s*allow\s+([a-z, -]+?)\s*$`)

// Files judges files in their order. allowed are rules that need not hold, beside those
// that a file allows itself by a line "-- lint: allow RULE". What a file makes anew may be
// changed by it and by those after it: it is empty, and nobody works with it yet.
func Files(files []migrations.File, allowed ...string) []Finding {
	l := linter{made: map[string]bool{}}
	for _, f := range files {
		l.file, l.sql = f.Name, f.For(`"`+placeholderSchema+`"`, `"`+placeholderRole+`"`)
		l.allowed = slices.Clone(allowed)
		for _, m := range allowance.FindAllStringSubmatch(f.SQL, -1) {
			l.allowed = append(l.allowed, strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' })...)
		}
		tree, err := parser.Parse(l.sql)
		if err != nil {
			l.found = append(l.found, Finding{File: f.Name, Line: 1, Rule: ruleSyntax, Says: "PostgreSQL's parser refuses it: " + err.Error()})
			continue
		}
		for _, s := range tree.GetStmts() {
			l.at = int(s.GetStmtLocation())
			l.statement(s.GetStmt())
		}
	}
	return l.found
}

// linter is where a look at files is.
type linter struct {
	file, sql string
	at        int
	allowed   []string
	// made are the tables that the files make.
	made  map[string]bool
	found []Finding
}

func (l *linter) refuse(rule, says string) {
	if slices.Contains(l.allowed, rule) && rule != ruleTransaction {
		return
	}
	// A statement's place is that of the white space and comments before it.
	rest := l.sql[l.at:]
	for skipped := -1; skipped != len(rest); {
		skipped = len(rest)
		rest = strings.TrimLeft(rest, " \t\r\n;")
		if strings.HasPrefix(rest, "--") {
			_, rest, _ = strings.Cut(rest, "\n")
		}
	}
	line := 1 + strings.Count(l.sql[:len(l.sql)-len(rest)], "\n")
	l.found = append(l.found, Finding{File: l.file, Line: line, Rule: rule, Says: says})
}

// statement judges one statement. What is not named here takes no lock that anybody
// would wait for long: a grant, a new table, a comment.
func (l *linter) statement(n *pgquery.Node) {
	switch {
	case n.GetCreateStmt() != nil:
		l.qualified(n.GetCreateStmt().GetRelation())
		l.made[n.GetCreateStmt().GetRelation().GetRelname()] = true
	case n.GetAlterTableStmt() != nil:
		l.alterTable(n.GetAlterTableStmt())
	case n.GetIndexStmt() != nil:
		l.index(n.GetIndexStmt())
	case n.GetRenameStmt() != nil:
		l.rename(n.GetRenameStmt())
	case n.GetDropStmt() != nil && n.GetDropStmt().GetRemoveType() == pgquery.ObjectType_OBJECT_TABLE:
		l.refuse(ruleDropTable, "what the application of the version before reads is gone, with its rows; drop it with the version after")
	case n.GetTransactionStmt() != nil:
		l.refuse(ruleTransaction, "each file is a transaction already, with the version that it leads to; leave BEGIN and COMMIT out")
	case n.GetVacuumStmt() != nil && n.GetVacuumStmt().GetIsVacuumcmd():
		l.refuse(ruleTransaction, "VACUUM cannot run in a transaction, which each file is; a maintenance window does it")
	case n.GetClusterStmt() != nil, n.GetRefreshMatViewStmt() != nil && !n.GetRefreshMatViewStmt().GetConcurrent():
		l.refuse(ruleRewrite, "it writes the whole table anew and keeps everybody out meanwhile")
	case n.GetLockStmt() != nil:
		l.refuse(ruleLock, "it keeps others out until the end of the file")
	case n.GetUpdateStmt() != nil && n.GetUpdateStmt().GetWhereClause() == nil:
		l.everyRow(n.GetUpdateStmt().GetRelation())
	case n.GetDeleteStmt() != nil && n.GetDeleteStmt().GetWhereClause() == nil:
		l.everyRow(n.GetDeleteStmt().GetRelation())
	case n.GetTruncateStmt() != nil:
		l.refuse(ruleEveryRow, "it removes every row, and keeps everybody out meanwhile")
	case n.GetDoStmt() != nil:
		l.refuse(ruleOpaque, "what a DO block does cannot be judged: write it as statements")
	}
}

// qualified refuses a name without the tenant's schema: the search path is that of the
// control tables.
func (l *linter) qualified(r *pgquery.RangeVar) {
	if r.GetSchemaname() != placeholderSchema {
		l.refuse(ruleUnqualified, fmt.Sprintf(`the name %s must begin with :"schema". : without it the control tables are meant`, r.GetRelname()))
	}
}

func (l *linter) everyRow(r *pgquery.RangeVar) {
	l.qualified(r)
	if !l.made[r.GetRelname()] {
		l.refuse(ruleEveryRow, "it writes every row of "+r.GetRelname()+" and locks them until the end of the file; do it in parts, from the application")
	}
}

func (l *linter) index(s *pgquery.IndexStmt) {
	l.qualified(s.GetRelation())
	switch {
	case s.GetConcurrent():
		l.refuse(ruleTransaction, "CREATE INDEX CONCURRENTLY cannot run in a transaction, which each file is; where the tables are small, write CREATE INDEX and allow "+ruleIndex)
	case !l.made[s.GetRelation().GetRelname()]:
		l.refuse(ruleIndex, "nobody can write to "+s.GetRelation().GetRelname()+" while the index is made; where the tables are small, allow it")
	}
}

func (l *linter) rename(s *pgquery.RenameStmt) {
	if l.made[s.GetRelation().GetRelname()] {
		return
	}
	switch s.GetRenameType() {
	case pgquery.ObjectType_OBJECT_COLUMN:
		l.refuse(ruleRename, "the application of the version before knows the old name; add a column, and drop the old one with the version after")
	case pgquery.ObjectType_OBJECT_TABLE:
		l.refuse(ruleRenameTable, "the application of the version before knows the old name; leave a view of that name, and allow it")
	default:
	}
}

func (l *linter) alterTable(s *pgquery.AlterTableStmt) {
	table := s.GetRelation().GetRelname()
	l.qualified(s.GetRelation())
	if l.made[table] {
		return
	}
	for _, node := range s.GetCmds() {
		c := node.GetAlterTableCmd()
		switch c.GetSubtype() {
		case pgquery.AlterTableType_AT_AddColumn:
			l.addColumn(table, c.GetDef().GetColumnDef())
		case pgquery.AlterTableType_AT_AlterColumnType:
			l.refuse(ruleColumnType, "it may write "+table+" anew and keeps everybody out meanwhile; add a column of the new type, or allow it where the type only gets wider")
		case pgquery.AlterTableType_AT_SetNotNull:
			l.refuse(ruleNotNull, "it reads all of "+table+" and keeps everybody out meanwhile; add CHECK ("+c.GetName()+" IS NOT NULL) NOT VALID and validate it before")
		case pgquery.AlterTableType_AT_DropColumn:
			l.refuse(ruleDropColumn, "the application of the version before reads "+c.GetName()+"; drop it with the version after")
		case pgquery.AlterTableType_AT_AddConstraint:
			l.addConstraint(table, c.GetDef().GetConstraint())
		case pgquery.AlterTableType_AT_SetLogged, pgquery.AlterTableType_AT_SetUnLogged, pgquery.AlterTableType_AT_SetTableSpace, pgquery.AlterTableType_AT_SetAccessMethod:
			l.refuse(ruleRewrite, "it writes "+table+" anew and keeps everybody out meanwhile")
		default:
		}
	}
}

func (l *linter) addColumn(table string, d *pgquery.ColumnDef) {
	var notNull, hasDefault bool
	for _, node := range d.GetConstraints() {
		c := node.GetConstraint()
		switch c.GetContype() {
		case pgquery.ConstrType_CONSTR_NOTNULL:
			notNull = true
		case pgquery.ConstrType_CONSTR_DEFAULT:
			hasDefault = true
			if !constant(c.GetRawExpr()) {
				l.refuse(ruleDefault, "a default that is not a constant writes "+table+" anew and keeps everybody out meanwhile; add the column without, then SET DEFAULT")
			}
		case pgquery.ConstrType_CONSTR_GENERATED, pgquery.ConstrType_CONSTR_IDENTITY:
			hasDefault = true
			l.refuse(ruleDefault, "a column that is computed writes "+table+" anew and keeps everybody out meanwhile")
		case pgquery.ConstrType_CONSTR_UNIQUE, pgquery.ConstrType_CONSTR_PRIMARY, pgquery.ConstrType_CONSTR_FOREIGN, pgquery.ConstrType_CONSTR_CHECK:
			l.addConstraint(table, c)
		default:
		}
	}
	if names := d.GetTypeName().GetNames(); len(names) > 0 && strings.HasSuffix(names[len(names)-1].GetString_().GetSval(), "serial") {
		l.refuse(ruleDefault, "a serial column writes "+table+" anew and keeps everybody out meanwhile")
	}
	if notNull && !hasDefault {
		l.refuse(ruleNotNull, "rows that are there have no value for "+d.GetColname()+": give it a constant default, or let it be NULL")
	}
}

// constant tells an expression that PostgreSQL keeps once for all rows that are there,
// instead of writing them: a literal, or a function that gives the same within a
// statement.
func constant(n *pgquery.Node) bool {
	switch {
	case n.GetAConst() != nil:
		return true
	case n.GetTypeCast() != nil:
		return constant(n.GetTypeCast().GetArg())
	case n.GetAArrayExpr() != nil:
		return !slices.ContainsFunc(n.GetAArrayExpr().GetElements(), func(e *pgquery.Node) bool { return !constant(e) })
	case n.GetSqlvalueFunction() != nil:
		return true
	case n.GetFuncCall() != nil:
		names := n.GetFuncCall().GetFuncname()
		return slices.Contains([]string{"now", "transaction_timestamp", "statement_timestamp"}, names[len(names)-1].GetString_().GetSval())
	}
	return false
}

func (l *linter) addConstraint(table string, c *pgquery.Constraint) {
	switch c.GetContype() {
	case pgquery.ConstrType_CONSTR_FOREIGN, pgquery.ConstrType_CONSTR_CHECK:
		if !c.GetSkipValidation() {
			l.refuse(ruleNotValid, "all of "+table+" is read, and nobody can write to it meanwhile; add it NOT VALID, and validate it by the file after")
		}
	case pgquery.ConstrType_CONSTR_UNIQUE, pgquery.ConstrType_CONSTR_PRIMARY, pgquery.ConstrType_CONSTR_EXCLUSION:
		if c.GetIndexname() == "" {
			l.refuse(ruleUnique, "nobody can use "+table+" while its index is made; where the tables are small, allow it")
		}
	default:
	}
}
