/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The register model of a 16550A, without a VM, a thread or a lock. Used by
 * devices/serial.c and the unit test.
 */
#ifndef DUET_UART_H
#define DUET_UART_H

#include <stdbool.h>
#include <stdint.h>

#define UART_FIFO	16

/**
 * struct uart - a 16550A
 * @tx: the transmitter sends a byte; it is empty again at once
 * @irq: the level of the interrupt pin changed
 * @opaque: first argument of both
 *
 * The rest are the chip's registers. The caller serialises all calls.
 */
struct uart {
	void (*tx)(void *opaque, uint8_t byte);
	void (*irq)(void *opaque, bool level);
	void *opaque;

	uint8_t ier;
	uint8_t lcr;
	uint8_t mcr;
	uint8_t lsr;		/* OE only; the rest follows from the FIFO */
	uint8_t msr;		/* the delta bits; the rest are wires */
	uint8_t scr;
	uint8_t dll;
	uint8_t dlm;
	uint8_t trigger;	/* bytes in the FIFO that raise "data" */
	bool fifo;
	bool thre;		/* "transmitter empty" is to be reported */
	bool level;		/* the interrupt pin */
	bool break_seen;	/* LSR was read since the break came on top */
	uint16_t rx[UART_FIFO];	/* byte, and RX_BREAK */
	uint8_t rx_head;
	uint8_t rx_count;
};

/** uart_init() - power-on state */
void uart_init(struct uart *u, void (*tx)(void *, uint8_t),
	       void (*irq)(void *, bool), void *opaque);

/** uart_read() - the guest reads register @off (0 to 7) */
uint8_t uart_read(struct uart *u, unsigned int off);

/** uart_write() - the guest writes register @off (0 to 7) */
void uart_write(struct uart *u, unsigned int off, uint8_t val);

/** uart_rx_space() - bytes that can arrive without an overrun */
unsigned int uart_rx_space(const struct uart *u);

/** uart_rx_wanted() - receive interrupts are on and RTS ("send!") is asserted */
bool uart_rx_wanted(const struct uart *u);

/** uart_rx() - a byte arrives on the line; an overrun if there is no room */
void uart_rx(struct uart *u, uint8_t byte);

/** uart_rx_break() - a break arrives on the line */
void uart_rx_break(struct uart *u);

#endif
