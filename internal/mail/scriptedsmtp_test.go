package mail_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tenant-provisioning/internal/mail"
)

// script is what a server answers instead of its good answer, by the command:
// CONNECT, EHLO, AUTH, MAIL, RCPT, DATA and END, the end of the text.
type script map[string]string

// scriptedSMTP answers by a script, word for word as servers in the field do.
type scriptedSMTP struct {
	listener net.Listener
	script   script

	mu       sync.Mutex
	greeting string // what stood behind EHLO
	taken    int
}

func newScriptedSMTP(t *testing.T, s script) *scriptedSMTP {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &scriptedSMTP{listener: listener, script: s}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			go server.serve(conn)
		}
	}()
	return server
}

// sender sends through the server, with a login if it has one.
func (s *scriptedSMTP) sender(t *testing.T, config mail.SMTPConfig) *mail.SMTP {
	t.Helper()
	config.Host, config.Port, config.Timeout = "127.0.0.1", s.listener.Addr().(*net.TCPAddr).Port, patience
	sender, err := mail.NewSMTP(config)
	require.NoError(t, err)
	return sender
}

func (s *scriptedSMTP) serve(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	if s.answer(conn, "CONNECT", "220 mx.example.org ESMTP") {
		return
	}
	for lines.Scan() {
		command, rest, _ := strings.Cut(lines.Text(), " ")
		good := "250 2.0.0 OK"
		switch command = strings.ToUpper(command); command {
		case "EHLO":
			s.mu.Lock()
			s.greeting = rest
			s.mu.Unlock()
			good = "250-mx.example.org\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH CRAM-MD5"
		case "HELO":
			command = "EHLO"
		case "DATA":
			good = "354 go on"
		case "QUIT":
			fmt.Fprint(conn, "221 2.0.0 Bye\r\n")
			return
		}
		refused := s.answer(conn, command, good)
		if command != "DATA" || refused {
			continue
		}
		for lines.Scan() && lines.Text() != "." {
		}
		if !s.answer(conn, "END", "250 2.0.0 Queued") {
			s.mu.Lock()
			s.taken++
			s.mu.Unlock()
		}
	}
}

// answer tells whether the script has another one.
func (s *scriptedSMTP) answer(conn net.Conn, command, good string) (refused bool) {
	text, refused := s.script[command]
	if !refused {
		text = good
	}
	fmt.Fprint(conn, text+"\r\n")
	return refused
}
