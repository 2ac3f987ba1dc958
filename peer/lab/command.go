//go:build linux

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Proc is a command that runs inside a space. It dies with this process.
type Proc struct {
	Cmd  *exec.Cmd
	out  locked // stdout and stderr where the caller set none
	done chan struct{}
	err  error // of Wait, once done
}

// Start runs a command inside and does not wait for it. Where stdin is nil, it has
// none.
func (s *Space) Start(stdin io.Reader, name string, args ...string) (*Proc, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdin = stdin
	return s.StartCmd(cmd)
}

// StartCmd is Start for a command that the caller made, which must not have been
// started. What it prints is kept for Output, where cmd names no other place.
func (s *Space) StartCmd(cmd *exec.Cmd) (*Proc, error) {
	p := &Proc{Cmd: cmd, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = &p.out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &p.out
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// A group of its own: Stop reaches its children too.
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.starts == nil {
		return nil, fmt.Errorf("%s: the space is closed", s)
	}
	started := make(chan error)
	s.starts <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	if s.procs == nil {
		s.procs = map[*Proc]bool{}
	}
	s.procs[p] = true
	go func() {
		p.err = cmd.Wait()
		close(p.done)
		s.mu.Lock()
		delete(s.procs, p)
		s.mu.Unlock()
	}()
	return p, nil
}

// ErrTimeout is that of a command that took too long.
var ErrTimeout = errors.New("the command did not end in time")

// Wait waits for the command's end, but not for longer than limit; then it is killed.
// The error is ErrTimeout, that of exec.Cmd.Wait, or nil.
func (p *Proc) Wait(limit time.Duration) error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(limit):
		p.Stop()
		return ErrTimeout
	}
}

// Done is closed when the command has ended.
func (p *Proc) Done() <-chan struct{} { return p.done }

// Signal sends a signal to the command and its children.
func (p *Proc) Signal(sig syscall.Signal) {
	select {
	case <-p.done: // its id may be another's by now
	default:
		_ = syscall.Kill(-p.Cmd.Process.Pid, sig)
	}
}

// Stop kills the command and its children and waits for its end.
func (p *Proc) Stop() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Output is what the command has printed so far.
func (p *Proc) Output() string { return p.out.String() }

// WaitOutput waits until the command has printed text, and reports whether it did
// within limit, before it ended.
func (p *Proc) WaitOutput(text string, limit time.Duration) bool {
	end := time.Now().Add(limit)
	for {
		if strings.Contains(p.Output(), text) {
			return true
		}
		select {
		case <-p.done:
			return strings.Contains(p.Output(), text)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// Run runs a command inside to its end and returns what it printed. The error is that
// of exec.Cmd.Wait with the command's words, or ErrTimeout after a minute.
func (s *Space) Run(name string, args ...string) (string, error) {
	p, err := s.Start(nil, name, args...)
	if err != nil {
		return "", err
	}
	if err := p.Wait(time.Minute); err != nil {
		return p.Output(), commandError(append([]string{name}, args...), []byte(p.Output()), err)
	}
	return p.Output(), nil
}

// locked is a buffer that is read while it is written.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
