package store

import (
	"database/sql"
	"errors"
	"io"
)

// WriteCSV writes the rest of rows with a header.
func WriteCSV(w io.Writer, rows *sql.Rows) error { return errors.ErrUnsupported }
