# SPDX-License-Identifier: GPL-2.0
# Two files in one: what kbuild reads (with KERNELRELEASE set), and what a
# person's `make` reads. `make help` lists the targets.

ifneq ($(KERNELRELEASE),)

# Out of tree there is no .config of ours: everything is built.
ifneq ($(KBUILD_EXTMOD),)
CONFIG_DUET ?= m
CONFIG_DUET_SVM ?= y
CONFIG_DUET_VMX ?= $(if $(wildcard $(src)/vmx/vcpu.c),y)
ccflags-$(CONFIG_DUET_SVM) += -DCONFIG_DUET_SVM=1
ccflags-$(CONFIG_DUET_VMX) += -DCONFIG_DUET_VMX=1
endif

# All paths in #include start at the top of the tree. define_trace.h wants
# the trace header's directory.
duet-top := $(if $(KBUILD_EXTMOD),$(src),$(srctree)/$(src))
ccflags-y += -I$(duet-top) -Wall -Werror
asflags-y += -I$(duet-top)
# Backported to stable kernels: the version does not tell.
ccflags-y += $(if $(shell grep cpu_emergency_register_virt_callback \
	$(srctree)/arch/x86/include/asm/reboot.h),-DDUET_HAVE_EMERGENCY_CALLBACK)

duet-sources = $(patsubst $(duet-top)/%.$(2),%.o,$(sort \
	$(foreach d,$(1),$(wildcard $(duet-top)/$(d)/*.$(2)))))

obj-$(CONFIG_DUET) += duet.o
duet-y += $(call duet-sources,module common common/irq common/pager common/emulate,c)
duet-$(CONFIG_DUET_SVM) += $(call duet-sources,svm,c) $(call duet-sources,svm,S)
duet-$(CONFIG_DUET_VMX) += $(call duet-sources,vmx,c) $(call duet-sources,vmx,S)

else

KERNEL ?= 6.1
KDIR ?= $(firstword $(wildcard build/kernel/$(KERNEL)/headers) \
	/lib/modules/$(shell uname -r)/build)
O := $(abspath build)
M := $(O)/module$(if $(filter 6.1,$(KERNEL)),,-$(KERNEL))
CPU ?= tcg
export V

all: module launcher selftests

# kbuild leaves its objects beside the sources: give it a tree of links.
sources := module common svm vmx uapi Makefile Kconfig
.PHONY: $(M)/tree
$(M)/tree:
	@mkdir -p $(M)
	@find $(M) -xtype l -delete
	@cp -rsf $(addprefix $(CURDIR)/,$(sources)) $(M)/

module: $(M)/tree
	$(MAKE) -C $(KDIR) M=$(M) CC=$(or $(KCC),gcc-12) modules

sparse: $(M)/tree
	$(MAKE) -C $(KDIR) M=$(M) CC=$(or $(KCC),gcc-12) C=2 CF=-Wsparse-error modules

launcher:
	$(MAKE) -C userspace O=$(O)

selftests:
	$(MAKE) -C selftests O=$(O)

.PHONY: all module sparse launcher selftests
endif
