package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machine is what the figures were measured on. They compare with others of the
// same run alone.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	OS     string `json:"os"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

func thisMachine() machine {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	// What distributors add behind the version says nothing about speed.
	number, _, _ := strings.Cut(strings.TrimSpace(string(kernel)), "-")
	return machine{
		CPU: value("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(),
		OS:     strings.Trim(value("/etc/os-release", "PRETTY_NAME"), `"`),
		Kernel: number, Go: runtime.Version(),
	}
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, Linux %s, %s", m.CPU, m.Cores, m.OS, m.Kernel, m.Go)
}

// value is the first value of a key in a file of "key: value" or KEY=value.
func value(file, key string) string {
	f, err := os.Open(file)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), key)
		if rest = strings.TrimLeft(rest, " \t"); ok && strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "=") && ok {
			return strings.TrimSpace(rest[1:])
		}
	}
	return "unknown"
}
