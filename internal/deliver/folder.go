package deliver

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// keep writes a mail into the folder that stands for the server, whole or not at
// all, as its name in the outbox: run-0001.eml.
func (s *Server) keep(e Envelope, message []byte) (answer string, err error) {
	failed := func(err error) error {
		return &Failure{Step: "message", Text: clip(err.Error()), Session: true, err: err}
	}
	if err := os.MkdirAll(s.Folder, 0o700); err != nil {
		return "", failed(err)
	}
	f, err := os.CreateTemp(s.Folder, ".mail-*")
	if err != nil {
		return "", failed(err)
	}
	_, err = f.Write(message)
	name := strings.ReplaceAll(cmp.Or(e.Name, "mail"), "/", "-") + ".eml"
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.Folder, name))
	}
	if err != nil {
		return "", failed(errors.Join(err, os.Remove(f.Name())))
	}
	return "kept as " + name, nil
}
