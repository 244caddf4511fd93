/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * object.c - one file: is it a module that this core can run?
 *
 * The ELF headers are looked at before dlopen, because the dynamic linker
 * maps what they promise and a truncated file would end this process with
 * SIGBUS. Then the descriptor's guard fields are checked and it is copied into a
 * zeroed struct, so that the tail an older module does not have reads as zero.
 * Each refusal says what the file needs and what this core has.
 */
#include "config.h"

#include <ctype.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/module/module_int.h"

#define NAME_MAX_LEN 32
/* What every descriptor has had since the first version of major 1. */
#define DESC_MIN_BYTES offsetof(struct tw_module, keywords)

#if __SIZEOF_POINTER__ == 8
#define NATIVE_CLASS ELFCLASS64
#else
#define NATIVE_CLASS ELFCLASS32
#endif

/* --- the file --- */

static int
elf_ident(const ElfW(Ehdr) * eh, const char *path, struct tw_err *err)
{
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0)
		return tw_err_set(err,
		    "cannot load module %s: it is not a "
		    "shared object (no ELF header)",
		    path);
	if (eh->e_ident[EI_CLASS] != NATIVE_CLASS)
		return tw_err_set(err,
		    "cannot load module %s: it is built for "
		    "%d bits, this program for %d",
		    path, eh->e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32,
		    __SIZEOF_POINTER__ * 8);
	if (eh->e_type != ET_DYN)
		return tw_err_set(err,
		    "cannot load module %s: it is an ELF file "
		    "but not a shared object (build it with -shared)",
		    path);
	return 0;
}

/* Segments and section headers must lie inside the file. */
static bool
elf_is_whole(int fd, const ElfW(Ehdr) * eh, uint64_t size)
{
	if (eh->e_shoff > size ||
	    size - eh->e_shoff < (uint64_t)eh->e_shnum * eh->e_shentsize)
		return false;
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		const uint64_t at = eh->e_phoff + (uint64_t)i * sizeof(ElfW(Phdr));
		ElfW(Phdr) ph;

		if (pread(fd, &ph, sizeof(ph), (off_t)at) != sizeof(ph))
			return false;
		if (ph.p_type == PT_LOAD &&
		    (ph.p_offset > size || size - ph.p_offset < ph.p_filesz))
			return false;
	}
	return true;
}

static int
elf_check(int fd, const char *path, struct tw_err *err)
{
	ElfW(Ehdr) eh = { 0 };
	struct stat st;

	if (fstat(fd, &st) != 0)
		return tw_err_errno(err, "cannot load module %s", path);
	if (!S_ISREG(st.st_mode))
		return tw_err_set(err,
		    "cannot load module %s: it is not a "
		    "regular file",
		    path);
	const ssize_t n = pread(fd, &eh, sizeof(eh), 0);
	if (n < 0)
		return tw_err_errno(err, "cannot load module %s", path);
	if (n >= SELFMAG && elf_ident(&eh, path, err) != 0)
		return -1;
	if (n != sizeof(eh) || !elf_is_whole(fd, &eh, (uint64_t)st.st_size))
		return tw_err_set(err,
		    "cannot load module %s: the file is "
		    "truncated (%lld bytes): copy it again",
		    path, (long long)st.st_size);
	return 0;
}

static int
file_check(const char *path, struct tw_err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return tw_err_errno(err, "cannot load module %s", path);
	const int rc = elf_check(fd, path, err);
	close(fd);
	return rc;
}

/* --- the descriptor --- */

static int
guard_check(const struct tw_module *m, const char *path, struct tw_err *err)
{
	if (m->magic != TW_MODULE_MAGIC)
		return tw_err_set(err,
		    "cannot load module %s: its symbol "
		    "tideway_module is not a module descriptor (magic %08x, "
		    "this core wants %08x)",
		    path, m->magic, TW_MODULE_MAGIC);
	if (m->abi_major != TW_ABI_MAJOR || m->abi_minor > TW_ABI_MINOR)
		return tw_err_set(err,
		    "cannot load module %s: it needs ABI "
		    "%u.%u, this core has %d.%d: %s",
		    path, m->abi_major, m->abi_minor, TW_ABI_MAJOR, TW_ABI_MINOR,
		    m->abi_major < TW_ABI_MAJOR
			? "rebuild the module with this core's headers"
			: "it is for a newer tideway");
	if (m->size < DESC_MIN_BYTES || m->size > sizeof(*m))
		return tw_err_set(err,
		    "cannot load module %s: its descriptor "
		    "has %u bytes, this core takes %zu to %zu: rebuild it",
		    path, m->size, DESC_MIN_BYTES, sizeof(*m));
	return 0;
}

static bool
name_is_sane(const char *name)
{
	if (name == NULL || !islower((unsigned char)name[0]))
		return false;
	for (int i = 0; name[i] != '\0'; i++) {
		const unsigned char c = (unsigned char)name[i];

		if (i >= NAME_MAX_LEN ||
		    (!islower(c) && !isdigit(c) && c != '_' && c != '-'))
			return false;
	}
	return true;
}

static int
text_check(const struct tw_module *m, const char *path, struct tw_err *err)
{
	if (!name_is_sane(m->name))
		return tw_err_set(err,
		    "cannot load module %s: its name must be "
		    "1 to %d of a-z, 0-9, _ and -, beginning with a letter",
		    path, NAME_MAX_LEN);
	if (m->version == NULL || m->summary == NULL)
		return tw_err_set(err,
		    "cannot load module %s: its descriptor "
		    "lacks version or summary",
		    path);
	return 0;
}

int
tw__object_open(const char *path, struct tw__object *o, struct tw_err *err)
{
	memset(o, 0, sizeof(*o));
	if (file_check(path, err) != 0)
		return -1;
	o->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (o->handle == NULL)
		return tw_err_set(err, "cannot load module %s: %s", path, dlerror());
	const struct tw_module *const m = dlsym(o->handle, "tideway_module");
	if (m == NULL)
		return tw_err_set(err,
		    "cannot load module %s: it is a shared "
		    "object but not a tideway module (no symbol tideway_module)",
		    path);
	if (guard_check(m, path, err) != 0)
		return -1;
	memcpy(&o->desc, m, m->size);
	return text_check(&o->desc, path, err);
}
