package tables

import "fmt"

// Kind is the storage kind of a column.
type Kind uint8

const (
	Int      Kind = iota + 1 // 64-bit signed, BIGINT
	Double                   // DOUBLE
	Decimal                  // DECIMAL(Precision, Scale), at most 38 digits
	Text                     // VARCHAR, compared as MySQL's default utf8mb4_0900_ai_ci
	ID                       // VARCHAR, compared byte by byte (utf8mb4_bin): identifiers and enum words
	Bool                     // TINYINT(1)
	Date                     // DATE
	DateTime                 // DATETIME(6), UTC unless the column's doc says otherwise
	JSON                     // JSON
)

// Type of a column.
type Type struct {
	Kind      Kind
	Precision int // Decimal
	Scale     int // Decimal
	Length    int // Text, ID: characters; 0 is 255
}

// The types most columns use.
var (
	BigInt    = Type{Kind: Int}
	Float     = Type{Kind: Double}
	Money     = Type{Kind: Decimal, Precision: 20, Scale: 6} // micros fit exactly
	Varchar   = Type{Kind: Text, Length: 255}
	LongText  = Type{Kind: Text, Length: 16383}
	Ident     = Type{Kind: ID, Length: 64}
	Boolean   = Type{Kind: Bool}
	DateType  = Type{Kind: Date}
	Timestamp = Type{Kind: DateTime}
	Document  = Type{Kind: JSON}
)

// Dec is DECIMAL(p, s).
func Dec(p, s int) Type { return Type{Kind: Decimal, Precision: p, Scale: s} }

// String is the MySQL spelling of the type.
func (t Type) String() string {
	switch t.Kind {
	case Int:
		return "BIGINT"
	case Double:
		return "DOUBLE"
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case Text, ID:
		n := t.Length
		if n == 0 {
			n = 255
		}
		return fmt.Sprintf("VARCHAR(%d)", n)
	case Bool:
		return "TINYINT(1)"
	case Date:
		return "DATE"
	case DateTime:
		return "DATETIME(6)"
	case JSON:
		return "JSON"
	}
	return "?"
}
