// Package views carries the harmonised model: the views of the database ads
// and, in a file for each source, what that source gives to them. The README
// beside it says how they are written. It knows nothing of how they are read.
package views

import "embed"

// Files are the views and the branches.
//
//go:embed *.sql
var Files embed.FS
