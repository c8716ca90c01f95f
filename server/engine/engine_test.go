package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"argo/automation"
	"argo/server/algebra"
	"argo/tables"
	"argo/tables/fault"

	"github.com/cockroachdb/apd/v3"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/dolthub/vitess/go/mysql"
)

// TestAppendDouble holds what a MySQL server prints.
func TestAppendDouble(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 1: "1", -2.5: "-2.5", 1e14: "100000000000000", 1e15: "1e15", 1.5e15: "1.5e15", 123456789012345678: "1.2345678901234568e17",
		1e-5: "0.00001", 1e-14: "0.00000000000001", 1e-15: "0.000000000000001", 1e-16: "1e-16", 1.2345e-15: "0.0000000000000012345", 1.2345e-16: "1.2345e-16",
		0.1 + 0.2: "0.30000000000000004", 1.7976931348623157e308: "1.7976931348623157e308", 123456789012345.6: "123456789012345.6",
		1234567890123456.7: "1234567890123456.8", 123456789012345.67: "123456789012345.67", 1.2345678901234566e-7: "0.00000012345678901234566",
		-1.2345678901234567e-12: "-0.0000000000012345678901234567", 1e16: "1e16", 9007199254740993: "9.007199254740992e15", 1e20: "1e20", 1.5e17: "1.5e17",
	} {
		if f == 0.1+0.2 {
			a, b := 0.1, 0.2
			f = a + b
		}
		if got := string(appendDouble(nil, f)); got != want {
			t.Errorf("%g prints %s, want %s", f, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	stopped, stop := context.WithCancelCause(context.Background())
	stop(errTimeout)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		ctx   context.Context
		err   error
		code  int
		state string
		text  string
	}{
		{context.Background(), fmt.Errorf("open: %w", fault.New(fault.Denied, "no").WithHint("ask")), 1142, "42000", "no (ask)"},
		{context.Background(), fault.Wrap(fault.Unavailable, errors.New("dial tcp: refused"), "ads does not answer"), 1430, "HY000", "ads does not answer"},
		{context.Background(), sql.ErrTableNotFound.New("x"), 1146, "42S02", "table not found: x"},
		{context.Background(), sql.CastSQLError(sql.ErrColumnNotFound.New("x")), 1054, "42S22", `column "x" could not be found in any table in scope`},
		{context.Background(), sql.CastSQLError(errors.New("syntax error at position 3 near 'x'")), 1064, "42000", "You have an error in your SQL syntax: at position 3 near 'x'"},
		{context.Background(), sql.CastSQLError(sql.ErrExpectedSingleRow.New()), 1242, "21000", "the subquery returned more than 1 row"},
		{context.Background(), sql.CastSQLError(context.Canceled), 1317, "70100", errInterrupted.Message},
		{cancelled, fmt.Errorf("get: %w", context.Canceled), 1317, "70100", errInterrupted.Message},
		{cancelled, fault.New(fault.Denied, "no"), 1142, "42000", "no"},
		{stopped, fmt.Errorf("get: %w", context.DeadlineExceeded), 3024, "HY000", errTimeout.Message},
		{stopped, sql.CastSQLError(context.Canceled), 3024, "HY000", errTimeout.Message},
		{context.Background(), errors.New("odd"), 1105, "HY000", "odd"},
	} {
		var e *mysql.SQLError
		if !errors.As(sqlError(c.ctx, c.err), &e) || e.Num != c.code || e.State != c.state || e.Message != c.text {
			t.Errorf("%v: %d %s %q, want %d %s %q", c.err, e.Num, e.State, e.Message, c.code, c.state, c.text)
		}
	}
	for _, k := range []fault.Kind{
		fault.Internal, fault.Config, fault.Auth, fault.Denied, fault.NotFound, fault.Invalid, fault.Unsupported, fault.Throttled,
		fault.Unavailable, fault.Conflict, fault.Refused, fault.Canceled, fault.Timeout, fault.Unknown, fault.Broken,
		fault.Stale, fault.Untied, fault.Gap, fault.Mixed,
	} {
		if c := codes[k]; c.number == 0 || len(c.state) != 5 {
			t.Errorf("the kind %s has no error of MySQL's", k)
		}
	}
}

func TestArgument(t *testing.T) {
	ctx := sql.NewEmptyContext()
	dec := func(s string) *apd.Decimal {
		d, _, err := apd.NewFromString(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, c := range []struct {
		value any
		from  sql.Type
		to    tables.Type
		want  string // "" where it is refused
	}{
		{int64(7), types.Int64, tables.BigInt, "7"},
		{" 7 ", types.LongText, tables.BigInt, "7"},
		{dec("7.000"), types.InternalDecimalType, tables.BigInt, "7"},
		{dec("7.5"), types.InternalDecimalType, tables.BigInt, ""},
		{"9223372036854775808", types.LongText, tables.BigInt, ""},
		{"7; DROP", types.LongText, tables.BigInt, ""},
		{"", types.LongText, tables.BigInt, ""},
		{dec("50000.10"), types.InternalDecimalType, tables.Dec(18, 2), "50000.1"},
		{"1234567890123456.78", types.LongText, tables.Dec(18, 2), "1234567890123456.78"},
		{"12345678901234567.8", types.LongText, tables.Dec(18, 2), ""},
		{dec("0.001"), types.InternalDecimalType, tables.Dec(18, 2), ""},
		{float64(0.1), types.Float64, tables.Dec(18, 2), "0.1"},
		{"1e3", types.LongText, tables.Dec(18, 2), "1000"},
		{"1e400", types.LongText, tables.Dec(18, 2), ""},
		{"NaN", types.LongText, tables.Dec(18, 2), ""},
		{"Infinity", types.LongText, tables.Dec(18, 2), ""},
		{int64(1), types.Int64, tables.Boolean, "true"},
		{"2", types.LongText, tables.Boolean, ""},
		{"2026-11-22", types.LongText, tables.DateType, "2026-11-22"},
		{"2026-02-30", types.LongText, tables.DateType, ""},
		{"Brand KR", types.LongText, tables.Varchar, "Brand KR"},
		{int64(42), types.Int64, tables.Ident, "42"},
	} {
		got, err := argument(ctx, automation.Param{Name: "x", Type: c.to}, c.value, c.from)
		text := fmt.Sprint(got)
		if d, ok := got.(*apd.Decimal); ok {
			text = d.Text('f')
		}
		switch {
		case c.want == "" && (err == nil || !fault.Is(err, fault.Invalid)):
			t.Errorf("%v as %v gives %s, %v", c.value, c.to, text, err)
		case c.want != "" && (err != nil || text != c.want):
			t.Errorf("%v as %v gives %s, %v; want %s", c.value, c.to, text, err, c.want)
		}
	}
	if got, err := argument(ctx, automation.Param{Type: tables.BigInt}, nil, types.Null); got != nil || err != nil {
		t.Errorf("NULL gives %v, %v", got, err)
	}
}

// TestIdle: below what can never give a row nothing is asked.
func TestIdle(t *testing.T) {
	lit := func(v any) algebra.Expr { return &algebra.Lit{Value: v, Type: algebra.Type{Kind: algebra.Int}} }
	one := &algebra.Scan{Table: "a"}
	two := &algebra.Scan{Table: "b"}
	and := func(args ...algebra.Expr) algebra.Expr { return &algebra.Call{Func: "and", Args: args} }
	never := &algebra.Call{Func: "=", Args: []algebra.Expr{lit(int64(1)), lit(int64(0))}}
	col := &algebra.Col{ID: 1}
	join := func(k algebra.JoinKind) algebra.Rel { return &algebra.Join{Kind: k, L: one, R: two, Cond: never} }
	for name, c := range map[string]struct {
		rel  algebra.Rel
		want string
	}{
		"limit 0":        {&algebra.Limit{In: one, Count: lit(int64(0))}, "a"},
		"limit 1":        {&algebra.Limit{In: one, Count: lit(int64(1))}, ""},
		"offset only":    {&algebra.Limit{In: one, Offset: lit(int64(0))}, ""},
		"false":          {&algebra.Filter{In: one, Cond: lit(int64(0))}, "a"},
		"null":           {&algebra.Filter{In: one, Cond: lit(nil)}, "a"},
		"true":           {&algebra.Filter{In: one, Cond: lit(int64(1))}, ""},
		"and":            {&algebra.Filter{In: one, Cond: and(col, never)}, "a"},
		"or":             {&algebra.Filter{In: one, Cond: &algebra.Call{Func: "or", Args: []algebra.Expr{col, never}}}, ""},
		"aggregate":      {&algebra.Aggregate{In: &algebra.Filter{In: one, Cond: never}}, "a"},
		"union":          {&algebra.SetOp{L: &algebra.Filter{In: one, Cond: never}, R: two}, "a"},
		"inner":          {join(algebra.InnerJoin), "a b"},
		"left":           {join(algebra.LeftJoin), "b"},
		"right":          {join(algebra.RightJoin), "a"},
		"full":           {join(algebra.FullJoin), ""},
		"anti":           {join(algebra.AntiJoin), "b"},
		"subquery":       {&algebra.Filter{In: one, Cond: &algebra.Subquery{Kind: algebra.Exists, Rel: &algebra.Limit{In: two, Count: lit(int64(0))}}}, "b"},
		"above subquery": {&algebra.Limit{In: &algebra.Filter{In: one, Cond: &algebra.Subquery{Kind: algebra.Exists, Rel: two}}, Count: lit(int64(0))}, "a b"},
	} {
		var idle []string
		visit(c.rel, false, func(r algebra.Rel, i bool) {
			if s, ok := r.(*algebra.Scan); ok && i {
				idle = append(idle, s.Table)
			}
		})
		if got := strings.Join(idle, " "); got != c.want {
			t.Errorf("%s: idle are %q, want %q", name, got, c.want)
		}
	}
}

func TestWithoutAssignments(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT 1":                           "SELECT 1",
		"SET @a := 1":                        "SET @a := 1",
		"SELECT @a:=x+1 AS y, @a * 2 FROM t": "SELECT x + 1 AS y, (x + 1) * 2 FROM t",
		"SELECT CASE d WHEN 'a:=' THEN @dt:= IF(n=1,(-7), (-2)) ELSE @dt:=(-4)END AS k, CAST(CASE WHEN @dt >= 3 THEN @s:=5 ELSE IF(a IS NULL, @s:=7, @s:=n) END AS UNSIGNED) AS z, IFNULL(@s, @dt) w FROM t WHERE x = 1": "SELECT CASE d WHEN 'a:=' THEN IF(n = 1, ( - 7 ), ( - 2 )) ELSE ( - 4 ) END AS k, CAST(CASE WHEN (CASE d WHEN 'a:=' THEN IF(n = 1, ( - 7 ), ( - 2 )) ELSE ( - 4 ) END) >= 3 THEN 5 ELSE IF(a IS NULL, 7, n ) END AS UNSIGNED) AS z, IFNULL((CASE WHEN (CASE d WHEN 'a:=' THEN IF(n = 1, ( - 7 ), ( - 2 )) ELSE ( - 4 ) END) >= 3 THEN 5 ELSE IF(a IS NULL, 7, n ) END), (CASE d WHEN 'a:=' THEN IF(n = 1, ( - 7 ), ( - 2 )) ELSE ( - 4 ) END)) w FROM t WHERE x = 1",
		// What cannot be said without the variable stays.
		"SELECT @s := @s + x FROM t":                            "",
		"SELECT @s := ?, @s FROM t":                             "",
		"SELECT @s := 1, @s := 2 FROM t":                        "",
		"SELECT @s := x FROM t WHERE @s > 1":                    "",
		"SELECT CASE WHEN a THEN @s := 1 END, @s FROM t":        "",
		"SELECT CASE WHEN a THEN @s := 1 ELSE 2 END, @s FROM t": "",
		"SELECT IF(a, @s := 1, @r := 2) FROM t":                 "",
		"SELECT 1 + (@s := 1) FROM t":                           "",
		"SELECT x FROM (SELECT @s := 1) y":                      "",
	} {
		if want == "" {
			want = query
		}
		squeeze := strings.NewReplacer(" ", "")
		if got := withoutAssignments(query); squeeze.Replace(got) != squeeze.Replace(want) {
			t.Errorf("%s\nbecomes\n%s\nwant\n%s", query, got, want)
		}
	}
}

func TestResultTypes(t *testing.T) {
	for _, c := range []struct {
		t    algebra.Type
		want string
	}{
		{algebra.Type{Kind: algebra.Int}, "bigint"},
		{algebra.Type{Kind: algebra.Int, Unsigned: true}, "bigint unsigned"},
		{algebra.Type{Kind: algebra.Decimal, Precision: 42, Scale: 6}, "decimal(42,6)"},
		{algebra.Type{Kind: algebra.Double}, "double"},
		{algebra.Type{Kind: algebra.Text, Length: 12}, "varchar(12) COLLATE utf8mb4_0900_ai_ci"},
		{algebra.Type{Kind: algebra.Text, Length: 64, Collation: algebra.Bin}, "varchar(64)"},
		{algebra.Type{Kind: algebra.Text}, "varchar(16383) COLLATE utf8mb4_0900_ai_ci"},
		{algebra.Type{Kind: algebra.Text, Length: 70000}, "mediumtext COLLATE utf8mb4_0900_ai_ci"},
		{algebra.Type{Kind: algebra.Date}, "date"},
		{algebra.Type{Kind: algebra.DateTime, Scale: 6}, "datetime(6)"},
		{algebra.Type{Kind: algebra.DateTime}, "datetime"},
		{algebra.Type{Kind: algebra.Time, Scale: 0}, "time(6)"},
		{algebra.Type{Kind: algebra.Year}, "year"},
		{algebra.Type{Kind: algebra.JSON}, "json"},
		{algebra.Type{Kind: algebra.Binary, Length: 16}, "varbinary(16)"},
		{algebra.Type{Kind: algebra.Null}, "null"},
	} {
		if got := resultType(c.t).String(); got != c.want {
			t.Errorf("%+v is %s, want %s", c.t, got, c.want)
		}
	}
}
