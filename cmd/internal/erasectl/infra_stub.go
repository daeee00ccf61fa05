package erasectl

import "fmt"

func unreachable(f string, a ...any) error { return fmt.Errorf(f, a...) }
