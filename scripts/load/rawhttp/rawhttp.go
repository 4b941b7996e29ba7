// Package rawhttp is the least HTTP/1.1 client that load generation needs: a request is bytes that were made beforehand,
// a connection is kept alive, one request is under way on it. net/http's client would cost more than what it measures.
// It must not grow features; it refuses what it does not understand.
package rawhttp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Request writes a request as it goes over the wire. Headers are names and values in turn.
func Request(method, host, path string, body []byte, headers ...string) []byte {
	var b bytes.Buffer
	b.Grow(len(body) + 512)
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, host)
	for i := 0; i+1 < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if body != nil {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// Conn is one connection. It is for one goroutine.
type Conn struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

// Dial connects.
func Dial(address string) (*Conn, error) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("rawhttp: %w", err)
	}
	return &Conn{conn: conn, in: bufio.NewReaderSize(conn, 16<<10)}, nil
}

// Close ends the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// Do sends a request and reads the answer. The body is valid until the next call.
func (c *Conn) Do(request []byte) (status int, body []byte, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, fmt.Errorf("rawhttp: %w", err)
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, nil, fmt.Errorf("rawhttp: %w", err)
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, nil, fmt.Errorf("rawhttp: the answer begins with %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, fmt.Errorf("rawhttp: the answer begins with %q", line)
	}
	length, chunked := -1, false
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, nil, fmt.Errorf("rawhttp: %w", err)
		}
		if len(line) <= 2 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case len(name) == 14 && bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, nil, fmt.Errorf("rawhttp: length %q", value)
			}
		case len(name) == 17 && bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		case len(name) == 10 && bytes.EqualFold(name, []byte("Connection")) && strings.Contains(string(value), "close"):
			return status, nil, errors.New("rawhttp: the server closes the connection")
		}
	}
	switch {
	case chunked:
		body, err = c.chunks()
	case length > 0:
		c.body = append(c.body[:0], make([]byte, length)...)
		_, err = io.ReadFull(c.in, c.body)
		body = c.body
	case length < 0 && status != 204 && status != 304:
		err = errors.New("the answer has no length")
	}
	if err != nil {
		return status, nil, fmt.Errorf("rawhttp: %w", err)
	}
	return status, body, nil
}

// chunks reads a chunked body.
func (c *Conn) chunks() ([]byte, error) {
	c.body = c.body[:0]
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(line)), 16, 32)
		if err != nil {
			return nil, fmt.Errorf("chunk of length %q", line)
		}
		at := len(c.body)
		c.body = append(c.body, make([]byte, n+2)...) // with the line end after it
		if _, err := io.ReadFull(c.in, c.body[at:]); err != nil {
			return nil, err
		}
		c.body = c.body[:at+int(n)]
		if n == 0 {
			return c.body, nil
		}
	}
}
