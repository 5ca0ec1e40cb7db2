// SPDX-License-Identifier: GPL-2.0
/*
 * The 16550A's registers, driven as Linux' 8250 driver drives them.
 */
#include <linux/serial_reg.h>
#include <stddef.h>

#include "devices/uart.h"
#include "tests/tap.h"

static struct uart u;
static uint8_t sent[64];
static unsigned int nr_sent;
static bool level;
static unsigned int edges;

static void tx(void *opaque, uint8_t byte)
{
	(void)opaque;
	sent[nr_sent++ % sizeof(sent)] = byte;
}

static void irq(void *opaque, bool on)
{
	(void)opaque;
	CHECK(on != level);
	edges += on;
	level = on;
}

static void start(void)
{
	nr_sent = 0;
	level = false;
	edges = 0;
	uart_init(&u, tx, irq, NULL);
}

/* FIFOs on with trigger level 8, interrupts connected. */
static void start_fifo(void)
{
	start();
	uart_write(&u, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_8);
	uart_write(&u, UART_MCR, UART_MCR_OUT2);
}

static void test_autoconfig(void)
{
	start();
	/* IER holds four bits; a fifth would be another chip. */
	uart_write(&u, UART_IER, 0);
	CHECK(uart_read(&u, UART_IER) == 0);
	uart_write(&u, UART_IER, 0xff);
	CHECK(uart_read(&u, UART_IER) == 0x0f);
	uart_write(&u, UART_IER, 0);
	/* Loopback: OUT2 and RTS come back as DCD and CTS. */
	uart_write(&u, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	CHECK((uart_read(&u, UART_MSR) & 0xf0) == 0x90);
	uart_write(&u, UART_MCR, 0);
	/* FIFO bits in IIR: 11 is a 16550A, 10 a 16550, 00 a 16450. */
	CHECK(uart_read(&u, UART_IIR) >> 6 == 0);
	uart_write(&u, UART_FCR, UART_FCR_ENABLE_FIFO);
	CHECK(uart_read(&u, UART_IIR) >> 6 == 3);
	/* No EFR behind LCR = 0xbf: that would be a 16650. */
	uart_write(&u, UART_LCR, UART_LCR_CONF_MODE_B);
	CHECK(uart_read(&u, UART_IIR) == 0xc1);
	uart_write(&u, UART_LCR, 0);
	uart_write(&u, UART_SCR, 0x5a);
	CHECK(uart_read(&u, UART_SCR) == 0x5a);
	CHECK(uart_read(&u, UART_LSR) == (UART_LSR_THRE | UART_LSR_TEMT));
}

static void test_divisor(void)
{
	start();
	uart_write(&u, UART_IER, 0x05);
	uart_write(&u, UART_LCR, UART_LCR_DLAB);
	uart_write(&u, UART_DLL, 0x12);
	uart_write(&u, UART_DLM, 0x34);
	CHECK(uart_read(&u, UART_DLL) == 0x12);
	CHECK(uart_read(&u, UART_DLM) == 0x34);
	uart_write(&u, UART_LCR, UART_LCR_WLEN8);
	CHECK(uart_read(&u, UART_IER) == 0x05);
	CHECK(nr_sent == 0);
}

static void test_thre(void)
{
	start_fifo();
	uart_write(&u, UART_IER, UART_IER_THRI);
	CHECK(level && edges == 1);
	CHECK(uart_read(&u, UART_IIR) == (0xc0 | UART_IIR_THRI));
	CHECK(!level);
	CHECK(uart_read(&u, UART_IIR) == (0xc0 | UART_IIR_NO_INT));
	/* The driver's test for a broken chip: does enabling report again? */
	uart_write(&u, UART_IER, 0);
	uart_write(&u, UART_IER, UART_IER_THRI);
	CHECK(level && edges == 2);
	/* Each byte makes a new edge, also when none was acknowledged. */
	uart_write(&u, UART_TX, 'a');
	CHECK(level && edges == 3);
	uart_write(&u, UART_TX, 'b');
	CHECK(level && edges == 4);
	CHECK(nr_sent == 2 && sent[0] == 'a' && sent[1] == 'b');
	/* Reading IIR for another reason does not acknowledge it. */
	uart_write(&u, UART_IER, UART_IER_THRI | UART_IER_RDI);
	uart_rx(&u, 'x');
	CHECK((uart_read(&u, UART_IIR) & 0x0f) == UART_IIR_RX_TIMEOUT);
	CHECK(uart_read(&u, UART_RX) == 'x');
	CHECK((uart_read(&u, UART_IIR) & 0x0f) == UART_IIR_THRI);
	CHECK(!level);
}

static void test_receive(void)
{
	unsigned int i;

	start_fifo();
	uart_write(&u, UART_IER, UART_IER_RDI);
	/* Piped input waits for the driver, and while it withdraws RTS. */
	CHECK(!uart_rx_wanted(&u) && uart_rx_space(&u) == 16);
	uart_write(&u, UART_MCR, UART_MCR_OUT2 | UART_MCR_RTS);
	CHECK(uart_rx_wanted(&u));
	uart_write(&u, UART_IER, 0);
	CHECK(!uart_rx_wanted(&u));
	uart_write(&u, UART_IER, UART_IER_RDI);
	for (i = 0; i < 7; i++)
		uart_rx(&u, 'a' + i);
	CHECK(level);
	CHECK((uart_read(&u, UART_IIR) & 0x0f) == UART_IIR_RX_TIMEOUT);
	uart_rx(&u, 'h');
	CHECK((uart_read(&u, UART_IIR) & 0x0f) == UART_IIR_RDI);
	CHECK(uart_rx_space(&u) == 8);
	for (i = 0; i < 8; i++) {
		CHECK(uart_read(&u, UART_LSR) & UART_LSR_DR);
		CHECK(uart_read(&u, UART_RX) == 'a' + i);
	}
	CHECK(!level && !(uart_read(&u, UART_LSR) & UART_LSR_DR));
	/* Clearing the receiver drops what is there. */
	uart_rx(&u, 'z');
	uart_write(&u, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	CHECK(!level && uart_rx_space(&u) == 16);
}

static void test_overrun(void)
{
	unsigned int i;

	start_fifo();
	uart_write(&u, UART_IER, UART_IER_RLSI);
	for (i = 0; i < 16; i++)
		uart_rx(&u, i);
	CHECK(!level && uart_rx_space(&u) == 0);
	uart_rx(&u, 99);
	CHECK(level);
	CHECK((uart_read(&u, UART_IIR) & 0x0f) == UART_IIR_RLSI);
	CHECK(uart_read(&u, UART_LSR) & UART_LSR_OE);
	CHECK(!level && !(uart_read(&u, UART_LSR) & UART_LSR_OE));
	for (i = 0; i < 16; i++)
		CHECK(uart_read(&u, UART_RX) == i);
	/* A 16450 keeps the newer byte. */
	start();
	uart_rx(&u, 'a');
	uart_rx(&u, 'b');
	CHECK(uart_read(&u, UART_LSR) & UART_LSR_OE);
	CHECK(uart_read(&u, UART_RX) == 'b');
	CHECK(!(uart_read(&u, UART_LSR) & UART_LSR_DR));
}

static void test_loopback(void)
{
	start_fifo();
	uart_write(&u, UART_IER, UART_IER_RDI);
	uart_write(&u, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2);
	CHECK(uart_rx_space(&u) == 0);
	uart_rx(&u, 'x');
	CHECK(!(uart_read(&u, UART_LSR) & UART_LSR_DR));
	uart_write(&u, UART_TX, 'q');
	CHECK(nr_sent == 0 && !level);
	CHECK(uart_read(&u, UART_RX) == 'q');
	/* RI reports its trailing edge, DCD both. */
	uart_read(&u, UART_MSR);
	uart_write(&u, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1);
	CHECK((uart_read(&u, UART_MSR) & 0x0f) == UART_MSR_DDCD);
	uart_write(&u, UART_MCR, UART_MCR_LOOP);
	CHECK((uart_read(&u, UART_MSR) & 0x0f) == UART_MSR_TERI);
}

static void test_out2(void)
{
	start();
	uart_write(&u, UART_IER, UART_IER_THRI);
	CHECK(!level);
	uart_write(&u, UART_MCR, UART_MCR_OUT2);
	CHECK(level);
	uart_write(&u, UART_MCR, 0);
	CHECK(!level);
}

static void test_break(void)
{
	start_fifo();
	uart_write(&u, UART_IER, UART_IER_RLSI | UART_IER_RDI);
	uart_rx_break(&u);
	uart_rx(&u, 'h');
	CHECK((uart_read(&u, UART_IIR) & 0x0f) == UART_IIR_RLSI);
	CHECK(uart_read(&u, UART_LSR) & UART_LSR_BI);
	CHECK(!(uart_read(&u, UART_LSR) & UART_LSR_BI));
	CHECK(uart_read(&u, UART_RX) == 0);
	CHECK(!(uart_read(&u, UART_LSR) & UART_LSR_BI));
	CHECK(uart_read(&u, UART_RX) == 'h');
}

const struct test uart_tests[] = {
	{ "UART: Linux' probe finds a 16550A", test_autoconfig },
	{ "UART: DLAB switches to the divisor", test_divisor },
	{ "UART: the transmitter's interrupt comes, goes and comes again",
	  test_thre },
	{ "UART: trigger level, timeout, order of received bytes",
	  test_receive },
	{ "UART: an overrun is reported and loses the right byte",
	  test_overrun },
	{ "UART: loopback is closed to the outside", test_loopback },
	{ "UART: OUT2 connects the interrupt", test_out2 },
	{ "UART: a break is reported once, with its byte", test_break },
	{ NULL, NULL },
};
