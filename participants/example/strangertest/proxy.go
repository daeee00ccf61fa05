package strangertest

import (
	"bytes"
	"io"
	"net"
	"sync"
)

// proxy stands between a participant and the broker. The first time the participant says the word, the proxy keeps it, and
// everything after it: for the broker the participant has died there.
type proxy struct {
	url  string
	held chan struct{} // closed when the word was said
	once sync.Once
}

// newProxy listens until the test ends.
func (w *world) newProxy(word string) *proxy {
	w.Helper()
	listener, err := new(net.ListenConfig).Listen(w.Context(), "tcp", "127.0.0.1:0")
	w.must(err, "listen")
	p := &proxy{url: "nats://" + listener.Addr().String(), held: make(chan struct{})}
	w.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			go p.connect(client, w.server.Port(), []byte(word))
		}
	}()
	return p
}

func (p *proxy) connect(client net.Conn, port int, word []byte) {
	defer func() { _ = client.Close() }()
	broker, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return
	}
	defer func() { _ = broker.Close() }()
	go func() { _, _ = io.Copy(client, broker) }()
	buffer := make([]byte, 1<<17) // more than the largest event: clients write it at once
	for {
		n, err := client.Read(buffer)
		if n > 0 && bytes.Contains(buffer[:n], word) {
			p.once.Do(func() { close(p.held) })
		}
		select {
		case <-p.held:
		default:
			if _, failed := broker.Write(buffer[:n]); failed != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
