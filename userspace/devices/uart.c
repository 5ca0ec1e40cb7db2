// SPDX-License-Identifier: GPL-2.0
/*
 * A 16550A's registers (National Semiconductor PC16550D data sheet, section 8).
 * Calls tx and irq of its owner; called by devices/serial.c.
 */
#include <linux/serial_reg.h>
#include <string.h>

#include "devices/uart.h"

#define RX_BREAK	0x100

#define MSR_CONNECTED	(UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)
#define IER_MASK	0x0f
#define MCR_MASK	0x1f
#define IIR_FIFO_ON	0xc0

static const uint8_t trigger_levels[4] = { 1, 4, 8, 14 };

/* The modem inputs: the cable's, or in loopback the chip's own outputs. */
static uint8_t modem_lines(const struct uart *u)
{
	uint8_t lines = 0;

	if (!(u->mcr & UART_MCR_LOOP))
		return MSR_CONNECTED;
	if (u->mcr & UART_MCR_DTR)
		lines |= UART_MSR_DSR;
	if (u->mcr & UART_MCR_RTS)
		lines |= UART_MSR_CTS;
	if (u->mcr & UART_MCR_OUT1)
		lines |= UART_MSR_RI;
	if (u->mcr & UART_MCR_OUT2)
		lines |= UART_MSR_DCD;
	return lines;
}

static uint8_t line_status(const struct uart *u)
{
	uint8_t lsr = UART_LSR_TEMT | UART_LSR_THRE | u->lsr;

	if (u->rx_count) {
		lsr |= UART_LSR_DR;
		if (u->rx[u->rx_head] & RX_BREAK && !u->break_seen)
			lsr |= UART_LSR_BI;
	}
	return lsr;
}

/* The pending interrupt of highest priority: data sheet, table II. */
static uint8_t interrupt_id(const struct uart *u)
{
	uint8_t lsr = line_status(u);

	if (u->ier & UART_IER_RLSI && lsr & UART_LSR_BRK_ERROR_BITS)
		return UART_IIR_RLSI;
	if (u->ier & UART_IER_RDI && u->rx_count) {
		if (!u->fifo || u->rx_count >= u->trigger)
			return UART_IIR_RDI;
		/* Below the trigger level: "character timeout". */
		return UART_IIR_RX_TIMEOUT;
	}
	if (u->ier & UART_IER_THRI && u->thre)
		return UART_IIR_THRI;
	if (u->ier & UART_IER_MSI && u->msr)
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

static void update_irq(struct uart *u)
{
	/* A PC wires the pin through OUT2, which loopback disconnects. */
	bool gate = (u->mcr & (UART_MCR_OUT2 | UART_MCR_LOOP)) ==
		    UART_MCR_OUT2;
	bool level = gate && interrupt_id(u) != UART_IIR_NO_INT;

	if (level == u->level)
		return;
	u->level = level;
	u->irq(u->opaque, level);
}

static void clear_rx(struct uart *u)
{
	u->rx_head = 0;
	u->rx_count = 0;
	u->break_seen = false;
}

void uart_init(struct uart *u, void (*tx)(void *, uint8_t),
	       void (*irq)(void *, bool), void *opaque)
{
	memset(u, 0, sizeof(*u));
	u->tx = tx;
	u->irq = irq;
	u->opaque = opaque;
	u->trigger = 1;
	u->dll = 12;		/* 9600 baud, what firmware leaves */
}

static unsigned int rx_size(const struct uart *u)
{
	return u->fifo ? UART_FIFO : 1;
}

static void rx_push(struct uart *u, uint16_t val)
{
	if (u->rx_count == rx_size(u)) {
		u->lsr |= UART_LSR_OE;
		/* Without a FIFO the new byte replaces the old one. */
		if (!u->fifo)
			u->rx[u->rx_head] = val;
	} else {
		u->rx[(u->rx_head + u->rx_count) % UART_FIFO] = val;
		u->rx_count++;
	}
	update_irq(u);
}

unsigned int uart_rx_space(const struct uart *u)
{
	if (u->mcr & UART_MCR_LOOP)
		return 0;
	return rx_size(u) - u->rx_count;
}

bool uart_rx_wanted(const struct uart *u)
{
	return u->ier & UART_IER_RDI && u->mcr & UART_MCR_RTS;
}

void uart_rx(struct uart *u, uint8_t byte)
{
	/* Loopback disconnects the receiver from the line. */
	if (!(u->mcr & UART_MCR_LOOP))
		rx_push(u, byte);
}

void uart_rx_break(struct uart *u)
{
	if (!(u->mcr & UART_MCR_LOOP))
		rx_push(u, RX_BREAK);
}

static uint8_t read_rbr(struct uart *u)
{
	uint8_t byte;

	if (!u->rx_count)
		return 0;
	byte = u->rx[u->rx_head] & 0xff;
	u->rx_head = (u->rx_head + 1) % UART_FIFO;
	u->rx_count--;
	u->break_seen = false;
	return byte;
}

static uint8_t read_iir(struct uart *u)
{
	uint8_t id = interrupt_id(u);

	/* Reading it acknowledges THRE, if that is what it reports. */
	if (id == UART_IIR_THRI)
		u->thre = false;
	return id | (u->fifo ? IIR_FIFO_ON : 0);
}

static uint8_t read_lsr(struct uart *u)
{
	uint8_t lsr = line_status(u);

	u->lsr = 0;
	if (lsr & UART_LSR_BI)
		u->break_seen = true;
	return lsr;
}

static uint8_t read_msr(struct uart *u)
{
	uint8_t msr = modem_lines(u) | u->msr;

	u->msr = 0;
	return msr;
}

static uint8_t read_register(struct uart *u, unsigned int off)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (off) {
	case UART_RX:
		return dlab ? u->dll : read_rbr(u);
	case UART_IER:
		return dlab ? u->dlm : u->ier;
	case UART_IIR:
		return read_iir(u);
	case UART_LCR:
		return u->lcr;
	case UART_MCR:
		return u->mcr;
	case UART_LSR:
		return read_lsr(u);
	case UART_MSR:
		return read_msr(u);
	default:
		return u->scr;
	}
}

uint8_t uart_read(struct uart *u, unsigned int off)
{
	uint8_t val = read_register(u, off & 7);

	update_irq(u);
	return val;
}

static void write_thr(struct uart *u, uint8_t val)
{
	/*
	 * Between this write and the transmitter's next "empty" the interrupt
	 * is withdrawn; an edge-triggered input has to see that.
	 */
	u->thre = false;
	update_irq(u);
	if (u->mcr & UART_MCR_LOOP)
		rx_push(u, val);
	else
		u->tx(u->opaque, val);
	u->thre = true;
}

static void write_ier(struct uart *u, uint8_t val)
{
	uint8_t rising = val & ~u->ier;

	u->ier = val & IER_MASK;
	/* The transmitter is always empty: enabling reports it anew. */
	if (rising & UART_IER_THRI)
		u->thre = true;
}

static void write_fcr(struct uart *u, uint8_t val)
{
	bool on = val & UART_FCR_ENABLE_FIFO;

	if (on != u->fifo || (on && val & UART_FCR_CLEAR_RCVR))
		clear_rx(u);
	u->fifo = on;
	u->trigger = on ? trigger_levels[val >> 6] : 1;
}

static void write_mcr(struct uart *u, uint8_t val)
{
	uint8_t before = modem_lines(u);
	uint8_t after, changed;

	u->mcr = val & MCR_MASK;
	after = modem_lines(u);
	changed = before ^ after;
	/* Deltas of CTS, DSR and DCD; for RI only its trailing edge. */
	u->msr |= (changed & (UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD)) >> 4;
	if (changed & before & UART_MSR_RI)
		u->msr |= UART_MSR_TERI;
}

void uart_write(struct uart *u, unsigned int off, uint8_t val)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (off & 7) {
	case UART_TX:
		if (dlab)
			u->dll = val;
		else
			write_thr(u, val);
		break;
	case UART_IER:
		if (dlab)
			u->dlm = val;
		else
			write_ier(u, val);
		break;
	case UART_FCR:
		write_fcr(u, val);
		break;
	case UART_LCR:
		u->lcr = val;
		break;
	case UART_MCR:
		write_mcr(u, val);
		break;
	case UART_SCR:
		u->scr = val;
		break;
	}
	update_irq(u);
}
