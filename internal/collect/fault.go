package collect

import (
	"fmt"
	"runtime/debug"
)

// A Fault is a panic of the program in a run, which then publishes nothing: whoever
// runs collections for years goes on with the next. Stack is that of the panic.
type Fault struct {
	Panic any
	Stack []byte
}

func (f *Fault) Error() string { return fmt.Sprintf("a fault of the program: %v", f.Panic) }

// caught runs f. A panic in it is a [*Fault].
func caught(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Fault{p, debug.Stack()}
		}
	}()
	return f()
}
