# SPDX-License-Identifier: GPL-2.0
# Two files in one: what kbuild reads (with KERNELRELEASE set), and what a
# person's `make` reads. `make help` lists the targets.

ifneq ($(KERNELRELEASE),)

# Out of tree there is no .config of ours: everything is built.
ifneq ($(KBUILD_EXTMOD),)
CONFIG_DUET ?= m
CONFIG_DUET_SVM ?= y
CONFIG_DUET_VMX ?= $(if $(wildcard $(src)/vmx/vcpu.c),y)
ccflags-$(CONFIG_DUET_DEBUG) += -DCONFIG_DUET_DEBUG=1
ccflags-$(CONFIG_DUET_SVM) += -DCONFIG_DUET_SVM=1
ccflags-$(CONFIG_DUET_VMX) += -DCONFIG_DUET_VMX=1
# make module HOOKS=y
CONFIG_DUET_SELFTEST_HOOKS ?= $(HOOKS)
ccflags-$(CONFIG_DUET_SELFTEST_HOOKS) += -DCONFIG_DUET_SELFTEST_HOOKS=1
endif

# All paths in #include start at the top of the tree. define_trace.h wants
# the trace header's directory.
duet-top := $(if $(KBUILD_EXTMOD),$(src),$(srctree)/$(src))
ccflags-y += -I$(duet-top) -I$(duet-top)/uapi -Wall -Werror
asflags-y += -I$(duet-top)
# Backported to stable kernels: the version does not tell.
duet-has = $(if $(shell grep -s '$(1)' $(srctree)/$(2)),-DDUET_HAVE_$(3))
duet-restricted := $(call duet-has,define EXPORT_SYMBOL_FOR_KVM\>,include/linux/kvm_types.h,RESTRICTED_EXPORTS)
ccflags-y += $(duet-restricted)
asflags-y += $(duet-restricted)
ccflags-y += $(if $(duet-restricted),,$(call duet-has,cpu_emergency_register_virt_callback,arch/x86/include/asm/reboot.h,EMERGENCY_CALLBACK))
ccflags-y += $(call duet-has,struct syscore {,include/linux/syscore_ops.h,SYSCORE)
ccflags-y += $(call duet-has,cpuid_base_hypervisor,arch/x86/include/asm/cpuid/api.h,CPUID_API)
ccflags-y += $(call duet-has,xfer_to_guest_mode,include/linux/entry-virt.h,ENTRY_VIRT)
ccflags-y += $(call duet-has,mmio_stale_data_clear,arch/x86/include/asm/nospec-branch.h,MMIO_STALE_DATA)
ccflags-y += $(call duet-has,bool.*test_young,include/linux/mmu_notifier.h,BOOL_YOUNG)

duet-hooks := $(if $(CONFIG_DUET_SELFTEST_HOOKS),,svm/hook.o vmx/hook.o)
duet-sources = $(filter-out $(duet-hooks),$(patsubst $(duet-top)/%.$(2),%.o,\
	$(sort $(foreach d,$(1),$(wildcard $(duet-top)/$(d)/*.$(2))))))

obj-$(CONFIG_DUET) += duet.o
duet-y += $(call duet-sources,module common common/irq common/pager common/emulate,c)
duet-y += $(call duet-sources,common,S)
duet-$(CONFIG_DUET_SVM) += $(call duet-sources,svm,c) $(call duet-sources,svm,S)
duet-vmx := $(call duet-sources,vmx,c) $(call duet-sources,vmx,S)
duet-$(CONFIG_DUET_VMX) += $(if $(duet-restricted),vmx/refused.o, \
	$(filter-out vmx/refused.o,$(duet-vmx)))

else

KERNEL ?= 6.1
CPU ?= tcg
O := $(abspath build)
# Ghost state and its assertions (Kconfig: DUET_DEBUG).
DEBUG ?= $(if $(filter debug,$(KERNEL)),y)
M := $(O)/module$(if $(filter 6.1,$(KERNEL)),,-$(KERNEL))$(if $(HOOKS),-hooks)$(if \
	$(DEBUG),$(if $(filter debug,$(KERNEL)),,-ghost))
# The kernel to build for: the one unpacked for the emulated host, else the
# running one's.
KDIR ?= $(firstword $(wildcard $(O)/kernel/$(KERNEL)/headers) \
	/lib/modules/$(shell uname -r)/build)
KCC ?= $(firstword $(wildcard $(O)/kernel/$(KERNEL)/cc) \
	$(foreach c,gcc-12 gcc,$(if $(shell command -v $(c)),$(c))))
KMAKE = $(MAKE) -C $(KDIR) M=$(M) CC=$(KCC) HOOKS=$(HOOKS) \
	CONFIG_DUET_DEBUG=$(DEBUG)
MAKEFLAGS += --no-print-directory
export V

all: module launcher selftests

# kbuild leaves its objects beside the sources: give it a tree of links.
sources := module common svm vmx uapi Makefile Kconfig
$(M)/tree:
	@mkdir -p $(M)
	@find $(M) -xtype l -delete
	@cp -rsf $(addprefix $(CURDIR)/,$(sources)) $(M)/

module: $(M)/tree
	$(KMAKE) modules

sparse: $(M)/tree
	$(KMAKE) C=2 CF=-Wsparse-error modules

launcher:
	$(MAKE) -C userspace O=$(O)

selftests:
	$(MAKE) -C selftests O=$(O)
	$(MAKE) -C selftests/emulate O=$(O)
	$(MAKE) -C selftests/model O=$(O)

# What an emulated host boots: Debian's kernel, and a guest for the demo.
host: $(O)/kernel/$(KERNEL)/headers
$(O)/kernel/%/headers:
	scripts/host setup --install $*

demo: host
	$(MAKE) module launcher
	scripts/demo --machine $(CPU) --kernel $(KERNEL)

shell: host
	$(MAKE) all
	scripts/host shell --machine $(CPU) --kernel $(KERNEL) --guest

# A second module, which lets a test break what a processor checks.
hooks:
	$(MAKE) module HOOKS=y

test: host
	$(MAKE) all hooks
	scripts/test --kernel $(KERNEL) $(TESTFLAGS)

test-all: host
	$(MAKE) all hooks
	scripts/test --kernel $(KERNEL) --full $(TESTFLAGS)

# The same tests on a kernel with lockdep, KASAN and the like, which is built
# first, once for each configuration; and faults planted for it to find.
test-debug:
	scripts/host setup --install debug
	$(MAKE) KERNEL=debug all hooks faults
	scripts/test-debug $(TESTFLAGS)

# What runs in several threads, on a kernel that looks for data races.
test-kcsan:
	scripts/host setup --install kcsan
	$(MAKE) KERNEL=kcsan all faults
	scripts/test-debug --kcsan $(TESTFLAGS)

faults:
	@mkdir -p $(O)/faults-$(KERNEL)
	@cp -rsf $(CURDIR)/selftests/debug/. $(O)/faults-$(KERNEL)/
	$(MAKE) -C $(KDIR) M=$(O)/faults-$(KERNEL) CC=$(KCC) modules

bench: host
	$(MAKE) all
	scripts/bench --kernel $(KERNEL) $(BENCHFLAGS)

modules_install: module
	$(KMAKE) INSTALL_MOD_PATH=$(DESTDIR) modules_install

DESTDIR ?=
PREFIX ?= /usr/local
install: modules_install launcher
	install -D -m 755 $(O)/duet $(DESTDIR)$(PREFIX)/bin/duet
	install -D -m 644 userspace/60-duet.rules \
		$(DESTDIR)/usr/lib/udev/rules.d/60-duet.rules
	$(if $(DESTDIR),,depmod)

clean:
	rm -rf $(O)/module* $(O)/userspace $(O)/selftests $(O)/duet $(O)/test \
		$(O)/faults*

help:
	@echo 'make             module, launcher and selftests, into build/'
	@echo 'make demo        boot a Linux guest on Duet, on an emulated AMD-V host'
	@echo 'make test        all tests, TAP; "N passed, N failed, N skipped" at the end'
	@echo 'make test-debug  the tests on a kernel with lockdep, KASAN and the like'
	@echo 'make test-kcsan  the tests of several threads on a kernel that looks for data races'
	@echo 'make bench       instructions per exit, Duet and KVM: build/bench.tsv'
	@echo 'make shell       a shell in the emulated host'
	@echo 'make sparse      the module through sparse'
	@echo 'make install     module, launcher and udev rule on this machine'
	@echo 'make clean'
	@echo
	@echo 'CPU=tcg|svm1|svm2|vmx1|vmx2   the emulated machine of demo and shell'
	@echo 'KERNEL=6.1|6.12|6.1-amd64|newest|debug|kcsan  the kernel, unpacked under build/kernel/'
	@echo 'DEBUG=y                       the module with ghost state and assertions'
	@echo 'KDIR=DIR                      headers of another kernel'
	@echo 'HOOKS=y                       a module for the selftests alone: module-hooks/'
	@echo 'TESTFLAGS=, BENCHFLAGS=       options of scripts/test, scripts/bench'
	@echo 'V=1                           every command in full'

.PHONY: all $(M)/tree module sparse launcher selftests hooks host demo shell test \
	test-all test-debug test-kcsan faults bench modules_install install clean help
endif
