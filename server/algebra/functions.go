package algebra

// A signature says what a function takes and gives. Params has one letter for
// each argument, the last one stands for all that follow:
//
//	t text · n number · f double · i whole number · d date or datetime ·
//	h time or datetime · j JSON · x binary or text · a anything, untouched
//
// Upper case: the argument's text collation takes part in the result's.
type signature struct {
	params string
	min    int
	max    int // -1: any number
	ret    func(c *compiler, args []Expr) Type
	// search: texts are compared with one another, under one collation.
	search bool
	// nonNull: never NULL unless an argument is; else NULL is always possible.
	nonNull bool
	// total: not NULL even where an argument is.
	total bool
}

func returns(t Type) func(*compiler, []Expr) Type {
	return func(*compiler, []Expr) Type { return t }
}

// first is the type of the first argument.
func first(_ *compiler, args []Expr) Type { return args[0].ExprType() }

// sameText is a text as long as the first argument.
func sameText(_ *compiler, args []Expr) Type { return textType(args[0].ExprType().Length) }

// longText is a text of unknown length.
var longText = returns(textType(0))

// literal gives the value of args[i] where it is a whole number.
func literal(args []Expr, i int) (int, bool) {
	if i >= len(args) {
		return 0, false
	}
	if l, ok := args[i].(*Lit); ok {
		if n, ok := l.Value.(int64); ok && n > -1000000 && n < 1000000 {
			return int(n), true
		}
	}
	return 0, false
}

func literalText(e Expr) (string, bool) {
	if l, ok := e.(*Lit); ok {
		s, ok := l.Value.(string)
		return s, ok
	}
	return "", false
}

// scalarFunctions are the functions with a name and a list of arguments. Those
// that need more than a table can say are in compile_expr.go.
var scalarFunctions = map[string]signature{
	// numbers
	"abs":       {params: "n", min: 1, max: 1, ret: first, nonNull: true},
	"sign":      {params: "n", min: 1, max: 1, ret: returns(intType(1)), nonNull: true},
	"ceil":      {params: "n", min: 1, max: 1, ret: wholeType, nonNull: true},
	"floor":     {params: "n", min: 1, max: 1, ret: wholeType, nonNull: true},
	"round":     {params: "ni", min: 1, max: 2, ret: roundType, nonNull: true},
	"truncate":  {params: "ni", min: 2, max: 2, ret: truncateType, nonNull: true},
	"sqrt":      {params: "f", min: 1, max: 1, ret: returns(doubleType)},
	"power":     {params: "f", min: 2, max: 2, ret: returns(doubleType)},
	"exp":       {params: "f", min: 1, max: 1, ret: returns(doubleType)},
	"ln":        {params: "f", min: 1, max: 1, ret: returns(doubleType)},
	"log":       {params: "f", min: 2, max: 2, ret: returns(doubleType)},
	"log2":      {params: "f", min: 1, max: 1, ret: returns(doubleType)},
	"log10":     {params: "f", min: 1, max: 1, ret: returns(doubleType)},
	"sin":       {params: "f", min: 1, max: 1, ret: returns(doubleType)},
	"cos":       {params: "f", min: 1, max: 1, ret: returns(doubleType)},
	"tan":       {params: "f", min: 1, max: 1, ret: returns(doubleType)},
	"cot":       {params: "f", min: 1, max: 1, ret: returns(doubleType)},
	"asin":      {params: "f", min: 1, max: 1, ret: returns(doubleType)},
	"acos":      {params: "f", min: 1, max: 1, ret: returns(doubleType)},
	"atan":      {params: "f", min: 1, max: 2, ret: returns(doubleType)},
	"degrees":   {params: "f", min: 1, max: 1, ret: returns(doubleType)},
	"radians":   {params: "f", min: 1, max: 1, ret: returns(doubleType)},
	"pi":        {ret: returns(doubleType), nonNull: true},
	"rand":      {params: "i", max: 1, ret: returns(doubleType), total: true},
	"crc32":     {params: "t", min: 1, max: 1, ret: returns(Type{Kind: Int, Precision: 10, Unsigned: true})},
	"conv":      {params: "tii", min: 3, max: 3, ret: returns(textType(65))},
	"bin":       {params: "i", min: 1, max: 1, ret: returns(textType(64))},
	"oct":       {params: "i", min: 1, max: 1, ret: returns(textType(64))},
	"hex":       {params: "a", min: 1, max: 1, ret: hexType},
	"unhex":     {params: "t", min: 1, max: 1, ret: returns(Type{Kind: Binary})},
	"bit_count": {params: "i", min: 1, max: 1, ret: returns(bigintType), nonNull: true},
	"format":    {params: "nit", min: 2, max: 3, ret: returns(textType(0))},

	// texts
	"concat":              {params: "T", min: 1, max: -1, ret: concatType, nonNull: true},
	"concat_ws":           {params: "T", min: 2, max: -1, ret: concatWsType},
	"lower":               {params: "T", min: 1, max: 1, ret: sameText, nonNull: true},
	"upper":               {params: "T", min: 1, max: 1, ret: sameText, nonNull: true},
	"left":                {params: "Ti", min: 2, max: 2, ret: leftType, nonNull: true},
	"right":               {params: "Ti", min: 2, max: 2, ret: leftType, nonNull: true},
	"substring":           {params: "Tii", min: 2, max: 3, ret: substringType, nonNull: true},
	"substring_index":     {params: "TTi", min: 3, max: 3, ret: sameText, search: true, nonNull: true},
	"trim":                {params: "TTa", min: 3, max: 3, ret: sameText, nonNull: true},
	"ltrim":               {params: "T", min: 1, max: 1, ret: sameText, nonNull: true},
	"rtrim":               {params: "T", min: 1, max: 1, ret: sameText, nonNull: true},
	"replace":             {params: "TTT", min: 3, max: 3, ret: replaceType, search: true, nonNull: true},
	"reverse":             {params: "T", min: 1, max: 1, ret: sameText, nonNull: true},
	"repeat":              {params: "Ti", min: 2, max: 2, ret: repeatType},
	"space":               {params: "i", min: 1, max: 1, ret: longText},
	"lpad":                {params: "TiT", min: 3, max: 3, ret: padType},
	"rpad":                {params: "TiT", min: 3, max: 3, ret: padType},
	"insert":              {params: "TiiT", min: 4, max: 4, ret: longText, nonNull: true},
	"elt":                 {params: "iT", min: 2, max: -1, ret: longText},
	"make_set":            {params: "iT", min: 2, max: -1, ret: longText},
	"export_set":          {params: "iTTTi", min: 3, max: 5, ret: longText},
	"quote":               {params: "T", min: 1, max: 1, ret: longText, total: true},
	"soundex":             {params: "T", min: 1, max: 1, ret: longText, nonNull: true},
	"char":                {params: "i", min: 1, max: -1, ret: returns(Type{Kind: Binary}), total: true},
	"length":              {params: "x", min: 1, max: 1, ret: returns(intType(10)), nonNull: true},
	"bit_length":          {params: "x", min: 1, max: 1, ret: returns(bigintType), nonNull: true},
	"char_length":         {params: "t", min: 1, max: 1, ret: returns(intType(10)), nonNull: true},
	"ascii":               {params: "x", min: 1, max: 1, ret: returns(intType(3)), nonNull: true},
	"ord":                 {params: "x", min: 1, max: 1, ret: returns(bigintType), nonNull: true},
	"locate":              {params: "tti", min: 2, max: 3, ret: returns(intType(10)), search: true, nonNull: true},
	"instr":               {params: "tt", min: 2, max: 2, ret: returns(intType(10)), search: true, nonNull: true},
	"strcmp":              {params: "tt", min: 2, max: 2, ret: returns(intType(1)), search: true, nonNull: true},
	"field":               {params: "a", min: 2, max: -1, ret: returns(intType(3)), total: true},
	"find_in_set":         {params: "tt", min: 2, max: 2, ret: returns(intType(3)), search: true, nonNull: true},
	"regexp_like":         {params: "ttt", min: 2, max: 3, ret: returns(boolType), search: true, nonNull: true},
	"regexp_instr":        {params: "ttiiit", min: 2, max: 6, ret: returns(bigintType), search: true, nonNull: true},
	"regexp_substr":       {params: "TTiit", min: 2, max: 5, ret: sameText, search: true},
	"regexp_replace":      {params: "TTTiit", min: 3, max: 6, ret: longText, search: true, nonNull: true},
	"md5":                 {params: "x", min: 1, max: 1, ret: returns(textType(32)), nonNull: true},
	"sha1":                {params: "x", min: 1, max: 1, ret: returns(textType(40)), nonNull: true},
	"sha2":                {params: "xi", min: 2, max: 2, ret: sha2Type},
	"to_base64":           {params: "x", min: 1, max: 1, ret: longText, nonNull: true},
	"from_base64":         {params: "t", min: 1, max: 1, ret: returns(Type{Kind: Binary})},
	"compress":            {params: "x", min: 1, max: 1, ret: returns(Type{Kind: Binary})},
	"uncompress":          {params: "x", min: 1, max: 1, ret: returns(Type{Kind: Binary})},
	"uncompressed_length": {params: "x", min: 1, max: 1, ret: returns(intType(10))},
	"inet_aton":           {params: "t", min: 1, max: 1, ret: returns(Type{Kind: Int, Precision: 20, Unsigned: true})},
	"inet_ntoa":           {params: "i", min: 1, max: 1, ret: returns(textType(31))},
	"inet6_aton":          {params: "t", min: 1, max: 1, ret: returns(Type{Kind: Binary, Length: 16})},
	"inet6_ntoa":          {params: "x", min: 1, max: 1, ret: returns(textType(39))},
	"is_ipv4":             {params: "t", min: 1, max: 1, ret: returns(boolType), total: true},
	"is_ipv6":             {params: "t", min: 1, max: 1, ret: returns(boolType), total: true},
	"is_uuid":             {params: "t", min: 1, max: 1, ret: returns(boolType), nonNull: true},
	"uuid":                {ret: returns(textType(36)), total: true},

	// dates
	"year":           {params: "d", min: 1, max: 1, ret: returns(intType(4))},
	"quarter":        {params: "d", min: 1, max: 1, ret: returns(intType(1))},
	"month":          {params: "d", min: 1, max: 1, ret: returns(intType(2))},
	"day":            {params: "d", min: 1, max: 1, ret: returns(intType(2))},
	"weekday":        {params: "d", min: 1, max: 1, ret: returns(intType(1))},
	"dayofweek":      {params: "d", min: 1, max: 1, ret: returns(intType(1))},
	"dayofyear":      {params: "d", min: 1, max: 1, ret: returns(intType(3))},
	"week":           {params: "di", min: 2, max: 2, ret: returns(intType(2))},
	"yearweek":       {params: "di", min: 2, max: 2, ret: returns(intType(6))},
	"dayname":        {params: "d", min: 1, max: 1, ret: returns(textType(9))},
	"monthname":      {params: "d", min: 1, max: 1, ret: returns(textType(9))},
	"last_day":       {params: "d", min: 1, max: 1, ret: returns(dateType)},
	"to_days":        {params: "d", min: 1, max: 1, ret: returns(intType(6))},
	"from_days":      {params: "i", min: 1, max: 1, ret: returns(dateType)},
	"datediff":       {params: "d", min: 2, max: 2, ret: returns(intType(7))},
	"hour":           {params: "h", min: 1, max: 1, ret: returns(intType(2))},
	"minute":         {params: "h", min: 1, max: 1, ret: returns(intType(2))},
	"second":         {params: "h", min: 1, max: 1, ret: returns(intType(2))},
	"microsecond":    {params: "h", min: 1, max: 1, ret: returns(intType(6))},
	"time_to_sec":    {params: "h", min: 1, max: 1, ret: returns(intType(10))},
	"timediff":       {params: "h", min: 2, max: 2, ret: timediffType},
	"date_format":    {params: "dt", min: 2, max: 2, ret: formatType},
	"time_format":    {params: "ht", min: 2, max: 2, ret: formatType},
	"str_to_date":    {params: "tt", min: 2, max: 2, ret: strToDateType},
	"unix_timestamp": {params: "d", min: 1, max: 1, ret: unixType},
	"from_unixtime":  {params: "n", min: 1, max: 1, ret: fromUnixType},
	"convert_tz":     {params: "dtt", min: 3, max: 3, ret: func(_ *compiler, args []Expr) Type { return datetimeType(args[0].ExprType().Scale) }},
	"timestampdiff":  {params: "dda", min: 3, max: 3, ret: returns(bigintType)},
	"extract":        {params: "da", min: 2, max: 2, ret: returns(bigintType)},

	// JSON
	"json_extract":        {params: "jt", min: 2, max: -1, ret: returns(jsonType)},
	"json_unquote":        {params: "a", min: 1, max: 1, ret: jsonText(0)},
	"json_contains":       {params: "jjt", min: 2, max: 3, ret: returns(boolType)},
	"json_contains_path":  {params: "jtt", min: 3, max: -1, ret: returns(boolType)},
	"json_keys":           {params: "jt", min: 1, max: 2, ret: returns(jsonType)},
	"json_length":         {params: "jt", min: 1, max: 2, ret: returns(bigintType)},
	"json_depth":          {params: "j", min: 1, max: 1, ret: returns(bigintType)},
	"json_type":           {params: "j", min: 1, max: 1, ret: jsonText(17)},
	"json_valid":          {params: "a", min: 1, max: 1, ret: returns(boolType)},
	"json_quote":          {params: "t", min: 1, max: 1, ret: jsonText(0)},
	"json_array":          {params: "a", max: -1, ret: returns(jsonType)},
	"json_object":         {params: "a", max: -1, ret: returns(jsonType)},
	"json_merge_patch":    {params: "j", min: 2, max: -1, ret: returns(jsonType)},
	"json_merge_preserve": {params: "j", min: 2, max: -1, ret: returns(jsonType)},
	"json_overlaps":       {params: "j", min: 2, max: 2, ret: returns(boolType)},
	"json_pretty":         {params: "j", min: 1, max: 1, ret: jsonText(0)},
	"json_search":         {params: "jtttt", min: 3, max: -1, ret: returns(jsonType)},
	"json_set":            {params: "ja", min: 3, max: -1, ret: returns(jsonType)},
	"json_insert":         {params: "ja", min: 3, max: -1, ret: returns(jsonType)},
	"json_replace":        {params: "ja", min: 3, max: -1, ret: returns(jsonType)},
	"json_array_append":   {params: "ja", min: 3, max: -1, ret: returns(jsonType)},
	"json_array_insert":   {params: "ja", min: 3, max: -1, ret: returns(jsonType)},
	"json_remove":         {params: "jt", min: 2, max: -1, ret: returns(jsonType)},
	"json_value":          {params: "jt", min: 2, max: 2, ret: jsonText(512)},
}

// functionNames are GMS's names for what has another name here.
var functionNames = map[string]string{
	"character_length":   "char_length",
	"octet_length":       "length",
	"ceiling":            "ceil",
	"pow":                "power",
	"lcase":              "lower",
	"ucase":              "upper",
	"mid":                "substring",
	"substr":             "substring",
	"dayofmonth":         "day",
	"sha":                "sha1",
	"atan2":              "atan",
	"json_merge":         "json_merge_preserve",
	"uncompressedlength": "uncompressed_length",
}

// wholeType is the type of CEIL and FLOOR: BIGINT where the digits fit.
func wholeType(_ *compiler, args []Expr) Type {
	t := args[0].ExprType()
	if t.Kind != Decimal {
		return t
	}
	if t.whole() < 18 {
		return bigintType
	}
	return decimalType(t.whole()+1, 0)
}

func roundType(_ *compiler, args []Expr) Type {
	t := args[0].ExprType()
	if t.Kind != Decimal {
		return unbool(t)
	}
	n, ok := literal(args, 1)
	if len(args) > 1 && !ok {
		return t
	}
	n = min(max(n, 0), t.Scale)
	if n == t.Scale {
		return t
	}
	return decimalType(t.whole()+1+n, n)
}

func truncateType(_ *compiler, args []Expr) Type {
	t := args[0].ExprType()
	n, ok := literal(args, 1)
	if t.Kind != Decimal || !ok {
		return unbool(t)
	}
	n = min(max(n, 0), t.Scale)
	return decimalType(t.whole()+n, n)
}

func unbool(t Type) Type { t.Bool = false; return t }

func concatType(_ *compiler, args []Expr) Type {
	n := 0
	for _, a := range args {
		t := a.ExprType()
		if t.Kind != Null && t.Length == 0 {
			if l, ok := a.(*Lit); !ok || l.Value != "" {
				return textType(0)
			}
		}
		n += t.Length
	}
	return textType(n)
}

// jsonText is text that a JSON function gives: it compares byte by byte.
func jsonText(n int) func(*compiler, []Expr) Type {
	return returns(Type{Kind: Text, Length: n, Collation: Bin})
}

func concatWsType(c *compiler, args []Expr) Type {
	t := concatType(c, args[1:])
	if n := args[0].ExprType().Length; t.Length > 0 {
		t.Length += n * (len(args) - 2)
	}
	return t
}

// replaceType is no longer than its text where what comes in is no longer than
// what goes out.
func replaceType(_ *compiler, args []Expr) Type {
	from, ok := literalText(args[1])
	to, okTo := literalText(args[2])
	if ok && okTo && runes(to) <= runes(from) {
		return textType(args[0].ExprType().Length)
	}
	return textType(0)
}

func sha2Type(_ *compiler, args []Expr) Type {
	n, ok := literal(args, 1)
	if !ok {
		return textType(128)
	}
	if n == 0 {
		n = 256
	}
	return textType(n / 4)
}

func leftType(_ *compiler, args []Expr) Type { return cutType(args, 1) }

func substringType(_ *compiler, args []Expr) Type {
	t := cutType(args, 2)
	if from, ok := literal(args, 1); ok && len(args) == 2 && from > 0 && t.Length > 0 {
		t.Length = max(t.Length-from+1, 0)
	}
	return t
}

// cutType is a text of at most as many characters as args[i] says.
func cutType(args []Expr, i int) Type {
	n := args[0].ExprType().Length
	if m, ok := literal(args, i); ok && (n == 0 || m < n) {
		n = max(m, 0)
	}
	return textType(n)
}

func repeatType(_ *compiler, args []Expr) Type {
	if m, ok := literal(args, 1); ok && m > 0 {
		return textType(args[0].ExprType().Length * m)
	}
	return textType(0)
}

func padType(_ *compiler, args []Expr) Type {
	if m, ok := literal(args, 1); ok {
		return textType(max(m, 0))
	}
	return textType(0)
}

func hexType(_ *compiler, args []Expr) Type {
	t := args[0].ExprType()
	switch {
	case t.Kind == Text:
		return textType(t.Length * 8)
	case t.Kind == Binary:
		return textType(t.Length * 2)
	}
	return textType(16)
}

func timediffType(_ *compiler, args []Expr) Type {
	return Type{Kind: Time, Scale: max(args[0].ExprType().Scale, args[1].ExprType().Scale)}
}

// formatWidths are the widths of DATE_FORMAT's specifiers that are not 2.
var formatWidths = map[byte]int{
	'a': 3, 'b': 3, 'D': 4, 'f': 6, 'j': 3, 'M': 64, 'p': 2, 'r': 11, 'T': 8, 'W': 64, 'w': 1, 'X': 4, 'x': 4, 'Y': 4, '%': 1,
}

func formatType(_ *compiler, args []Expr) Type {
	f, ok := literalText(args[1])
	if !ok {
		return textType(0)
	}
	n := 0
	for i := 0; i < len(f); i++ {
		if f[i] != '%' || i+1 == len(f) {
			n++
			continue
		}
		i++
		if w, ok := formatWidths[f[i]]; ok {
			n += w
		} else {
			n += 2
		}
	}
	return textType(n)
}

// strToDateType depends on the format, which has to be a constant to be
// anything but DATETIME(6).
func strToDateType(_ *compiler, args []Expr) Type {
	f, ok := literalText(args[1])
	if !ok {
		return datetimeType(6)
	}
	date, clock, scale := false, false, 0
	for i := 0; i+1 < len(f); i++ {
		if f[i] != '%' {
			continue
		}
		i++
		switch f[i] {
		case 'f':
			clock, scale = true, 6
		case 'H', 'h', 'I', 'i', 'k', 'l', 'p', 'r', 'S', 's', 'T':
			clock = true
		case '%':
		default:
			date = true
		}
	}
	switch {
	case date && clock:
		return datetimeType(scale)
	case clock:
		return Type{Kind: Time, Scale: scale}
	}
	return dateType
}

func unixType(_ *compiler, args []Expr) Type {
	if s := args[0].ExprType().Scale; s > 0 && args[0].ExprType().Kind == DateTime {
		return decimalType(11+s, s)
	}
	return bigintType
}

func fromUnixType(_ *compiler, args []Expr) Type {
	t := args[0].ExprType()
	switch t.Kind {
	case Decimal:
		return datetimeType(min(t.Scale, 6))
	case Double:
		return datetimeType(6)
	}
	return datetimeType(0)
}
