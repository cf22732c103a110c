// Package secret makes random passwords.
package secret

import (
	"crypto/rand"
	"math/big"
)

// alphabet leaves out characters that look like others.
const alphabet = "abcdefghijkmnpqrstuvwxyz23456789"

// passwordLength gives 100 bits.
const passwordLength = 20

// Password returns a random password that is easy to read and to type.
func Password() string {
	text := make([]byte, passwordLength)
	for i := range text {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err) // crypto/rand never fails
		}
		text[i] = alphabet[n.Int64()]
	}
	return string(text)
}
