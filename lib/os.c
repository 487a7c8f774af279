/* Files, memory, time: POSIX in the first half, Windows in the second. */
#if !defined(_WIN32) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* CPU_COUNT, MAP_ANONYMOUS, MAP_NORESERVE */
#endif
#include "os.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keeps a name that ends so. */
static int32_t keep_ending(const char *found, const char *end, char *name, size_t capacity) {
    size_t n = strlen(found), tail = strlen(end);
    return n >= tail && !strcmp(found + n - tail, end) && snprintf(name, capacity, "%s", found) < (int)capacity;
}

#ifndef _WIN32

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

int32_t os_map(const char *path, os_file *out, vox_error *e) {
    *out = (os_file){ 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return vox_fail(e, VOX_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
    struct stat st;
    int32_t status = VOX_OK;
    if (fstat(fd, &st)) status = vox_fail(e, VOX_E_IO, "%s: cannot be examined: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode)) status = vox_fail(e, VOX_E_IO, "%s: not a regular file", path);
    else if (st.st_size <= 0) status = vox_fail(e, VOX_E_FORMAT, "%s: the file is empty", path);
    else if ((uint64_t)st.st_size > SIZE_MAX) status = vox_fail(e, VOX_E_UNSUPPORTED, "%s: too large to be mapped here", path);
    if (!status) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED) status = vox_fail(e, VOX_E_IO, "%s: cannot be mapped: %s", path, strerror(errno));
        else *out = (os_file){ .bytes = map, .size = (size_t)st.st_size, .handle = map };
    }
    close(fd);
    return status;
}

void os_unmap(os_file *file) {
    if (file->handle) munmap(file->handle, file->size);
    *file = (os_file){ 0 };
}

bool os_is_folder(const char *path) {
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

int32_t os_find_ending(const char *dir, const char *end, char *name, size_t capacity) {
    int32_t n = 0;
    DIR *folder = opendir(dir);
    if (!folder) return 0;
    for (struct dirent *entry; (entry = readdir(folder));) n += keep_ending(entry->d_name, end, name, capacity);
    closedir(folder);
    return n;
}

FILE *os_open(const char *path) { return fopen(path, "rb"); }

FILE *os_binary_stdin(void) { return stdin; }

void *os_reserve(size_t size) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
    flags |= MAP_NORESERVE;
#endif
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void os_unreserve(void *memory, size_t size) {
    if (memory) munmap(memory, size);
}

int32_t os_cores(void) {
    long n = 0;
#ifdef __linux__
    cpu_set_t set; /* what this process may use, which can be less than the machine has */
    if (!sched_getaffinity(0, sizeof set, &set)) n = CPU_COUNT(&set);
#endif
    if (n < 1) n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int32_t)n;
}

double os_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#else

#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <fcntl.h>
#include <io.h>

/* UTF-8 to UTF-16; the caller frees it. */
static wchar_t *wide(const char *text) {
    int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    wchar_t *w = n > 0 ? malloc((size_t)n * sizeof *w) : NULL;
    if (w) MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, w, n);
    return w;
}

int32_t os_map(const char *path, os_file *out, vox_error *e) {
    *out = (os_file){ 0 };
    wchar_t *name = wide(path);
    if (!name) return vox_fail(e, VOX_E_IO, "%s: not a valid UTF-8 path", path);
    HANDLE file = CreateFileW(name, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    free(name);
    if (file == INVALID_HANDLE_VALUE)
        return vox_fail(e, VOX_E_IO, "%s: cannot be opened: system error %lu", path, GetLastError());
    LARGE_INTEGER size;
    HANDLE mapping = NULL;
    void *view = NULL;
    int32_t status = VOX_OK;
    if (!GetFileSizeEx(file, &size)) status = vox_fail(e, VOX_E_IO, "%s: cannot be examined: system error %lu", path, GetLastError());
    else if (size.QuadPart <= 0) status = vox_fail(e, VOX_E_FORMAT, "%s: the file is empty", path);
    else if ((uint64_t)size.QuadPart > SIZE_MAX) status = vox_fail(e, VOX_E_UNSUPPORTED, "%s: too large to be mapped here", path);
    if (!status) {
        mapping = CreateFileMappingW(file, NULL, PAGE_READONLY, 0, 0, NULL);
        if (mapping) view = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
        if (view) *out = (os_file){ .bytes = view, .size = (size_t)size.QuadPart, .handle = view };
        else status = vox_fail(e, VOX_E_IO, "%s: cannot be mapped: system error %lu", path, GetLastError());
    }
    if (mapping) CloseHandle(mapping); /* the view keeps the mapping and the file alive */
    CloseHandle(file);
    return status;
}

void os_unmap(os_file *file) {
    if (file->handle) UnmapViewOfFile(file->handle);
    *file = (os_file){ 0 };
}

bool os_is_folder(const char *path) {
    wchar_t *name = wide(path);
    DWORD attributes = name ? GetFileAttributesW(name) : INVALID_FILE_ATTRIBUTES;
    free(name);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

int32_t os_find_ending(const char *dir, const char *end, char *name, size_t capacity) {
    char pattern[4096], found[1024];
    WIN32_FIND_DATAW entry;
    int32_t n = 0;
    if (snprintf(pattern, sizeof pattern, "%s/*", dir) >= (int)sizeof pattern) return 0;
    wchar_t *wide_pattern = wide(pattern);
    HANDLE search = wide_pattern ? FindFirstFileW(wide_pattern, &entry) : INVALID_HANDLE_VALUE;
    free(wide_pattern);
    if (search == INVALID_HANDLE_VALUE) return 0;
    do {
        if (WideCharToMultiByte(CP_UTF8, 0, entry.cFileName, -1, found, sizeof found, NULL, NULL))
            n += keep_ending(found, end, name, capacity);
    } while (FindNextFileW(search, &entry));
    FindClose(search);
    return n;
}

FILE *os_open(const char *path) {
    wchar_t *name = wide(path);
    FILE *file = name ? _wfopen(name, L"rb") : NULL;
    free(name);
    return file;
}

FILE *os_binary_stdin(void) {
    _setmode(_fileno(stdin), _O_BINARY);
    return stdin;
}

void *os_reserve(size_t size) { return VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE); }

void os_unreserve(void *memory, size_t size) {
    (void)size;
    if (memory) VirtualFree(memory, 0, MEM_RELEASE);
}

int32_t os_cores(void) {
    DWORD n = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    return n < 1 ? 1 : (int32_t)n;
}

double os_seconds(void) {
    LARGE_INTEGER now, frequency;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&frequency);
    return (double)now.QuadPart / (double)frequency.QuadPart;
}

#endif

int32_t os_read_file(const char *path, size_t limit, char **bytes, size_t *size, vox_error *e) {
    *bytes = NULL;
    *size = 0;
    errno = 0;
    FILE *file = os_open(path);
    if (!file) return vox_fail(e, VOX_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
    char *buffer = NULL;
    size_t n = 0, capacity = 0;
    int32_t status = VOX_OK;
    for (;;) {
        if (n == capacity) {
            size_t larger = capacity ? capacity * 2 : (size_t)1 << 16;
            char *grown = realloc(buffer, larger + 1);
            if (!grown) {
                status = vox_fail(e, VOX_E_MEMORY, "%s: out of memory for its contents", path);
                break;
            }
            buffer = grown;
            capacity = larger;
        }
        size_t got = fread(buffer + n, 1, capacity - n, file);
        n += got;
        if (n > limit) {
            status = vox_fail(e, VOX_E_FORMAT, "%s: expected at most %zu bytes, the file is larger", path, limit);
            break;
        }
        if (!got) {
            if (ferror(file)) status = vox_fail(e, VOX_E_IO, "%s: cannot be read: %s", path, strerror(errno));
            break;
        }
    }
    fclose(file);
    if (status) {
        free(buffer);
        return status;
    }
    buffer[n] = 0;
    *bytes = buffer;
    *size = n;
    return VOX_OK;
}
