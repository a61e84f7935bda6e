// channel.go - the shapes of channel.c with Go's channels: channel SHAPE ITEMS prints ns per item
package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

func clock(cpu bool) int64 { // a shape of one thread is measured in CPU time
	if !cpu {
		return time.Now().UnixNano()
	}
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return (u.Utime.Nano() + u.Stime.Nano())
}

func send(c chan uint64, n uint64, done chan uint64) {
	for i := uint64(0); i < n; i++ {
		c <- i
	}
	done <- 0
}

func receive(c chan uint64, n uint64, done chan uint64) {
	sum := uint64(0)
	for i := uint64(0); i < n; i++ {
		sum += <-c
	}
	done <- sum
}

func main() {
	shape := os.Args[1]
	n, _ := strconv.ParseUint(os.Args[2], 10, 64)
	capacity := 1024
	if shape == "pingpong" {
		capacity = 0
	}
	a, b, done, sum := make(chan uint64, capacity), make(chan uint64, capacity), make(chan uint64, 4), uint64(0)
	single := shape == "one" || shape == "select"
	begun := clock(single)
	switch shape {
	case "one":
		for i := uint64(0); i < n; i++ {
			a <- i
			sum += <-a
		}
	case "select":
		for i := uint64(0); i < n; i++ {
			if i&1 != 0 {
				b <- i
			} else {
				a <- i
			}
			select {
			case v := <-a:
				sum += v
			case v := <-b:
				sum += v
			}
		}
	case "pingpong":
		go func() {
			for i := uint64(0); i < n; i++ {
				b <- <-a
			}
		}()
		for i := uint64(0); i < n; i++ {
			a <- i
			sum += <-b
		}
	default:
		width := uint64(1)
		if shape == "mpmc" {
			width = 2
		}
		for i := uint64(0); i < width; i++ {
			go send(a, n/width, done)
			go receive(a, n/width, done)
		}
		for i := uint64(0); i < 2*width; i++ {
			sum += <-done
		}
	}
	fmt.Printf("%.2f\n", float64(clock(single)-begun)/float64(n))
	if sum == 0 {
		os.Exit(1)
	}
}
