package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// proxy forwards TCP connections over a line of a given round-trip time, and
// counts what passes. It models the line, not its width: a connection costs one
// round trip before its first byte can travel, and every byte arrives half a
// round trip after it was sent.
type proxy struct {
	listener net.Listener
	target   string
	rtt      time.Duration

	connections, bytes atomic.Int64

	mu   sync.Mutex
	open map[net.Conn]bool
}

// newProxy listens on host, on a free port.
func newProxy(host, target string, rtt time.Duration) (*proxy, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, target: target, rtt: rtt, open: map[net.Conn]bool{}}
	go p.serve()
	return p, nil
}

func (p *proxy) port() string {
	_, port, _ := net.SplitHostPort(p.listener.Addr().String())
	return port
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.connections.Add(1)
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.open[client], p.open[server] = true, true
		p.mu.Unlock()
		accepted := time.Now()
		go p.pass(server, client, accepted.Add(p.rtt))
		go p.pass(client, server, accepted)
	}
}

// pass copies from one end to the other until either ends. Nothing sent before
// ready has left.
func (p *proxy) pass(to, from net.Conn, ready time.Time) {
	defer p.end(to, from)
	if p.rtt == 0 {
		n, _ := io.Copy(to, from)
		p.bytes.Add(n)
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
				p.bytes.Add(int64(n))
				pieces <- piece{sent.Add(p.rtt / 2), data[:n]}
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

// end passes on that one direction is at its end, and closes both when both are.
func (p *proxy) end(to, from net.Conn) {
	if half, ok := to.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[to] && p.open[from] {
		delete(p.open, from)
		return
	}
	delete(p.open, to)
	delete(p.open, from)
	_, _ = to.Close(), from.Close()
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		_ = conn.Close()
	}
}
