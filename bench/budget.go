package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// budget is what the product may cost. Whoever raises a number says in the same
// commit what for.
type budget struct {
	BinaryBytes     int `json:"binaryBytes"`
	CompressedBytes int `json:"compressedBytes"` // binary and roots, as a registry holds them
	ImageBytes      int `json:"imageBytes"`

	Requests    map[string][]string `json:"requests"`    // of one command, in their order, on one connection
	Allocations map[string]float64  `json:"allocations"` // of one call
}

//go:embed budget.json
var budgetText []byte

func readBudget() (budget, error) {
	var b budget
	d := json.NewDecoder(bytes.NewReader(budgetText))
	d.DisallowUnknownFields()
	return b, d.Decode(&b)
}

// checkSize compares the product's binary with the budget.
func checkSize(w io.Writer, path string) error {
	limits, err := readBudget()
	if err != nil {
		return err
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	roots, err := systemRoots()
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(append(bytes.Clone(binary), roots...)); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	var failed error
	for _, size := range []struct {
		name       string
		got, limit int
	}{{"binary", len(binary), limits.BinaryBytes}, {"binary and roots, compressed", packed.Len(), limits.CompressedBytes}} {
		fmt.Fprintf(w, "%s: %d bytes, at most %d\n", size.name, size.got, size.limit)
		if size.got > size.limit {
			failed = errors.Join(failed, fmt.Errorf("%s: got %d bytes, want at most %d (bench/budget.json)", size.name, size.got, size.limit))
		}
	}
	return failed
}
