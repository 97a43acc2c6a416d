package main

import (
	"io"
	"net"
	"sync"
	"time"
)

// line forwards TCP connections with a given round-trip time: a connection costs one
// round trip before its first byte, and every byte arrives half a round trip after it
// was sent.
type line struct {
	listener net.Listener
	target   string
	rtt      time.Duration
}

func newLine(target string, rtt time.Duration) (*line, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &line{listener, target, rtt}
	go l.serve()
	return l, nil
}

func (l *line) address() string { return l.listener.Addr().String() }

func (l *line) close() { _ = l.listener.Close() }

func (l *line) serve() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", l.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		go func() {
			defer client.Close()
			defer server.Close()
			connected := time.Now()
			var both sync.WaitGroup
			both.Go(func() { l.forward(server, client, connected.Add(l.rtt)) })
			both.Go(func() { l.forward(client, server, connected) })
			both.Wait()
		}()
	}
}

// forward copies until the sender closes. Nothing is sent before ready.
func (l *line) forward(to, from net.Conn, ready time.Time) {
	defer func() { _ = to.(*net.TCPConn).CloseWrite() }()
	if l.rtt == 0 {
		_, _ = io.Copy(to, from)
		return
	}
	type piece struct {
		due  time.Time
		data []byte
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			data := make([]byte, 32<<10)
			n, err := from.Read(data)
			if n > 0 {
				sent := time.Now()
				if sent.Before(ready) {
					sent = ready
				}
				pieces <- piece{sent.Add(l.rtt / 2), data[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for next := range pieces {
		time.Sleep(time.Until(next.due))
		if _, err := to.Write(next.data); err != nil {
			_ = from.Close()
		}
	}
}
