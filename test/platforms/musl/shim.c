// What Debian's libstdc++.a, made for glibc, asks of the C library beyond what musl has.
#define _GNU_SOURCE
#include <fcntl.h>
#include <link.h>
#include <locale.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("hidden"))) void* __dso_handle = &__dso_handle;

// Whether locks may be left out: never.
char __libc_single_threaded = 0;

// libgcc asks on arm64 which atomic instructions there are.
unsigned long __getauxval(unsigned long type) { return getauxval(type); }

uint32_t arc4random(void) {
  uint32_t value = 0;
  const int file = open("/dev/urandom", O_RDONLY);
  if (file >= 0) {
    (void)!read(file, &value, sizeof value);
    close(file);
  }
  return value;
}

// Destructors of a thread's own objects, last first.
struct destructor {
  void (*function)(void*);
  void* object;
  struct destructor* next;
};

static pthread_key_t destructors;
static pthread_once_t destructors_once = PTHREAD_ONCE_INIT;

static void destroy(void* first) {
  for (struct destructor* d = first; d;) {
    struct destructor* const next = d->next;
    d->function(d->object);
    free(d);
    d = next;
  }
}

static void make_key(void) { pthread_key_create(&destructors, destroy); }

int __cxa_thread_atexit_impl(void (*function)(void*), void* object, void* library) {
  (void)library;
  pthread_once(&destructors_once, make_key);
  struct destructor* const d = malloc(sizeof *d);
  if (!d) return -1;
  *d = (struct destructor){function, object, pthread_getspecific(destructors)};
  return pthread_setspecific(destructors, d);
}

// glibc's way to the unwind tables of the object that holds an address.
struct dl_find_object {
  unsigned long long flags;
  void* map_start;
  void* map_end;
  void* link_map;
  void* eh_frame;
  unsigned long long reserved[7];
};

struct query {
  uintptr_t address;
  struct dl_find_object* result;
  int found;
};

static int look(struct dl_phdr_info* info, size_t size, void* data) {
  (void)size;
  struct query* const query = data;
  uintptr_t low = UINTPTR_MAX, high = 0;
  void* eh_frame = NULL;
  int inside = 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr)* const header = &info->dlpi_phdr[i];
    const uintptr_t begin = info->dlpi_addr + header->p_vaddr, end = begin + header->p_memsz;
    if (header->p_type == PT_GNU_EH_FRAME) eh_frame = (void*)begin;
    if (header->p_type != PT_LOAD) continue;
    if (query->address >= begin && query->address < end) inside = 1;
    if (begin < low) low = begin;
    if (end > high) high = end;
  }
  if (!inside) return 0;
  *query->result = (struct dl_find_object){0, (void*)low, (void*)high, NULL, eh_frame, {0}};
  query->found = eh_frame != NULL;
  return 1;
}

int _dl_find_object(void* address, struct dl_find_object* result) {
  struct query query = {(uintptr_t)address, result, 0};
  dl_iterate_phdr(look, &query);
  return query.found ? 0 : -1;
}

size_t strftime_l(char*, size_t, const char*, const struct tm*, locale_t);
size_t __strftime_l(char* text, size_t size, const char* format, const struct tm* time, locale_t locale) {
  return strftime_l(text, size, format, time, locale);
}

// std::string::_M_replace_cold(char* p, size_t length1, const char* s, size_t length2, size_t rest), which newer builds of
// libstdc++ export: replaces length1 characters at p by length2 at s, which may lie among them; `rest` come after.
void _ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE15_M_replace_coldEPcmPKcmm(void* self, char* p, size_t length1,
                                                                                 const char* s, size_t length2,
                                                                                 size_t rest) {
  (void)self;
  if (length2 && length2 <= length1) memmove(p, s, length2);
  if (rest && length1 != length2) memmove(p + length2, p + length1, rest);
  if (length2 <= length1) return;
  if (s + length2 <= p + length1) {
    memmove(p, s, length2);
  } else if (s >= p + length1) {
    memcpy(p, s + (length2 - length1), length2);
  } else {
    const size_t left = (size_t)(p + length1 - s);
    memmove(p, s, left);
    memcpy(p + left, p + length2, length2 - left);
  }
}
