package main

import (
	"context"
	"io"
)

type fleetFigure struct{}
type growthFigure struct{}

func (r *report) fleet(ctx context.Context, t *tools, o options, log io.Writer) error { return nil }
func (r *report) writeFleet(w io.Writer)                                              {}
