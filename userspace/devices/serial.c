// SPDX-License-Identifier: GPL-2.0
/*
 * COM1: the 16550A model joined to stdin, stdout and interrupt line 4. Calls
 * devices/uart.c and vm.c; its registers are called by vCPU threads.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "args.h"
#include "devices/device.h"
#include "devices/uart.h"
#include "err.h"
#include "term.h"
#include "vm.h"

#define ESCAPE		0x01	/* Ctrl-a */
#define QUEUE_SIZE	4096
#define QUEUE_BREAK	0x100

/**
 * struct serial - COM1
 * @lock: protects @uart, @queue and what belongs to it, and @waiting
 * @uart: the chip
 * @queue: input that the chip has no room for yet: a byte, or QUEUE_BREAK
 * @head: the oldest element; @count: elements
 * @waiting: the input thread sleeps until @queue has room
 * @input: reads stdin
 * @wake_fd: ends that sleep; @quit is looked at then
 * @quit: the input thread has to end
 * @tty: stdin is a terminal: keys arrive, the escape key works
 */
struct serial {
	struct vm *vm;
	pthread_mutex_t lock;
	struct uart uart;
	uint16_t queue[QUEUE_SIZE];
	unsigned int head;
	unsigned int count;
	bool waiting;
	pthread_t input;
	int wake_fd;
	atomic_bool quit;
	bool tty;
};

static struct serial com1;

static void serial_irq(void *opaque, bool level)
{
	struct serial *s = opaque;

	vm_irq_line(s->vm, SERIAL_IRQ, level);
}

static void serial_tx(void *opaque, uint8_t byte)
{
	ssize_t n;

	(void)opaque;
	for (;;) {
		n = write(STDOUT_FILENO, &byte, 1);
		if (n == 1)
			return;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {
				.fd = STDOUT_FILENO, .events = POLLOUT,
			};

			poll(&p, 1, 100);
		} else if (n < 0 && errno != EINTR) {
			return;	/* nobody listens: the byte is lost */
		}
		if (vm_ended(com1.vm))
			return;
	}
}

/* Piped input waits for the guest's driver; keys arrive when pressed. */
static bool can_receive(const struct serial *s)
{
	if (!s->tty && !s->vm->opts->raw && !uart_rx_wanted(&s->uart))
		return false;
	return uart_rx_space(&s->uart) > 0;
}

/* Move what fits from the queue to the chip; the lock is held. */
static void feed(struct serial *s)
{
	while (s->count && can_receive(s)) {
		uint16_t val = s->queue[s->head];

		s->head = (s->head + 1) % QUEUE_SIZE;
		s->count--;
		if (val == QUEUE_BREAK)
			uart_rx_break(&s->uart);
		else
			uart_rx(&s->uart, val);
	}
	if (s->waiting && s->count < QUEUE_SIZE) {
		s->waiting = false;
		eventfd_write(s->wake_fd, 1);
	}
}

static uint64_t serial_read(void *dev, uint64_t off, unsigned int len)
{
	struct serial *s = dev;
	uint8_t val;

	(void)len;
	pthread_mutex_lock(&s->lock);
	val = uart_read(&s->uart, off);
	feed(s);
	pthread_mutex_unlock(&s->lock);
	return val;
}

static void serial_write(void *dev, uint64_t off, unsigned int len,
			 uint64_t val)
{
	struct serial *s = dev;

	(void)len;
	pthread_mutex_lock(&s->lock);
	uart_write(&s->uart, off, val);
	feed(s);
	pthread_mutex_unlock(&s->lock);
}

static void sleep_until_woken(struct serial *s)
{
	struct pollfd p = { .fd = s->wake_fd, .events = POLLIN };
	eventfd_t val;

	poll(&p, 1, -1);
	eventfd_read(s->wake_fd, &val);
}

/*
 * Queue one byte, or a break, for the guest. A pipe waits for room. A terminal
 * does not, or the escape key would be stuck behind a guest that is dead.
 */
static void deliver(struct serial *s, uint16_t val)
{
	while (!atomic_load(&s->quit)) {
		pthread_mutex_lock(&s->lock);
		if (s->count < QUEUE_SIZE) {
			s->queue[(s->head + s->count) % QUEUE_SIZE] = val;
			s->count++;
			feed(s);
			pthread_mutex_unlock(&s->lock);
			return;
		}
		s->waiting = !s->tty;
		pthread_mutex_unlock(&s->lock);
		if (s->tty)
			return;
		sleep_until_woken(s);
	}
}

static void escape_help(void)
{
	warn_msg("Ctrl-a x: quit   Ctrl-a b: send a break   Ctrl-a a: send Ctrl-a");
}

/* The key after Ctrl-a. */
static void escape_key(struct serial *s, uint8_t key)
{
	switch (key) {
	case 'x':
	case 'X':
		vm_end(s->vm, VM_QUIT);
		return;
	case 'b':
		deliver(s, QUEUE_BREAK);
		return;
	case 'a':
	case ESCAPE:
		deliver(s, ESCAPE);
		return;
	}
	escape_help();
}

static void take_key(struct serial *s, uint8_t key)
{
	static bool escaped;

	if (escaped) {
		escaped = false;
		escape_key(s, key);
	} else if (key == ESCAPE) {
		escaped = true;
	} else {
		deliver(s, key);
	}
}

static void *input_loop(void *arg)
{
	struct serial *s = arg;
	struct pollfd p[2] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = s->wake_fd, .events = POLLIN },
	};
	uint8_t buf[256];
	eventfd_t val;
	ssize_t n, i;

	while (!atomic_load(&s->quit)) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[1].revents)
			eventfd_read(s->wake_fd, &val);
		if (!p[0].revents)
			continue;
		n = read(STDIN_FILENO, buf, sizeof(buf));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;	/* end of input: the guest gets no more */
		for (i = 0; i < n; i++) {
			if (s->tty)
				take_key(s, buf[i]);
			else
				deliver(s, buf[i]);
		}
	}
	return NULL;
}

static int serial_init(struct vm *vm)
{
	struct bus_range range = {
		.name = "COM1",
		.base = SERIAL_PORT,
		.len = 8,
		.width = 1,
		.read = serial_read,
		.write = serial_write,
		.dev = &com1,
	};
	int err;

	memset(&com1, 0, sizeof(com1));
	com1.vm = vm;
	com1.tty = isatty(STDIN_FILENO);
	pthread_mutex_init(&com1.lock, NULL);
	uart_init(&com1.uart, serial_tx, serial_irq, &com1);
	err = bus_register(&vm->pio, &range);
	if (err)
		return err;
	com1.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (com1.wake_fd < 0)
		return err_set(errno, "eventfd: %s", strerror(errno));
	err = pthread_create(&com1.input, NULL, input_loop, &com1);
	if (err) {
		close(com1.wake_fd);
		return err_set(err, "no thread for the terminal: %s",
			       strerror(err));
	}
	return 0;
}

static void serial_exit(struct vm *vm)
{
	(void)vm;
	atomic_store(&com1.quit, true);
	eventfd_write(com1.wake_fd, 1);
	pthread_join(com1.input, NULL);
	close(com1.wake_fd);
	pthread_mutex_destroy(&com1.lock);
}

const struct device serial_device = {
	.name = "COM1",
	.init = serial_init,
	.exit = serial_exit,
};
