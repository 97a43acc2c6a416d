package jenkinstest

import (
	crand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
)

// source makes the random values of a controller.
type source struct {
	r     io.Reader
	rates *rand.Rand // of its own, so that faults do not change the values
	count int        // session ids end in a number, as those of Jetty do
}

func newSource(seed *uint64) *source {
	if seed == nil {
		s := &source{r: crand.Reader}
		s.rates = rand.New(rand.NewPCG(binary.LittleEndian.Uint64(s.bytes(8)), 0))
		return s
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], *seed)
	return &source{r: rand.NewChaCha8(key), rates: rand.New(rand.NewPCG(*seed, 0))}
}

func (s *source) bytes(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.r, b); err != nil {
		panic("jenkinstest: no random bytes: " + err.Error())
	}
	return b
}

func (s *source) hex(n int) string { return hex.EncodeToString(s.bytes(n)) }

func (s *source) uuid() string {
	b := s.bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// token returns the value of a token of Jenkins 2.129 and later: the version
// of the hash, "11", and 16 random bytes.
func (s *source) token() string { return "11" + s.hex(16) }

func (s *source) session() string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	b := s.bytes(24)
	for i := range b {
		b[i] = digits[int(b[i])%len(digits)]
	}
	s.count++
	return "node0" + string(b) + strconv.Itoa(s.count) + ".node0"
}
