/* A recursive-descent JSON parser; the recursion is bounded by JSON_MAX_DEPTH. */
#include "json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct parser {
    const uint8_t *begin, *at, *end;
    const char *name;
    json_node *nodes;
    size_t n_nodes, capacity;
    char *text; /* where the next string goes: a decoded string and its NUL are no longer than its source with quotes */
    vox_error *e;
} parser;

static int32_t value(parser *p, int32_t depth);

/* Fails at the current byte. */
static int32_t expected(parser *p, const char *what) {
    char found[24] = "the end";
    if (p->at < p->end) snprintf(found, sizeof found, *p->at > 0x20 && *p->at < 0x7f ? "'%c'" : "byte %d", *p->at);
    return vox_fail(p->e, VOX_E_FORMAT, "%s: byte %zu: expected %s, found %s", p->name, (size_t)(p->at - p->begin), what, found);
}

static void skip_space(parser *p) {
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t')) p->at++;
}

static bool take(parser *p, char c) {
    if (p->at == p->end || *p->at != c) return false;
    p->at++;
    return true;
}

/* Appends a node; containers fill size and span when they close. */
static int32_t push(parser *p, json_node node) {
    if (p->n_nodes == p->capacity) {
        size_t larger = p->capacity ? p->capacity * 2 : 64;
        if (larger > JSON_MAX_NODES)
            return vox_fail(p->e, VOX_E_FORMAT, "%s: byte %zu: more than %zu values", p->name, (size_t)(p->at - p->begin), JSON_MAX_NODES);
        json_node *grown = realloc(p->nodes, larger * sizeof *grown);
        if (!grown) return vox_fail(p->e, VOX_E_MEMORY, "%s: out of memory for its values", p->name);
        p->nodes = grown;
        p->capacity = larger;
    }
    node.span = 1;
    p->nodes[p->n_nodes++] = node;
    return VOX_OK;
}

/* ---- strings ---- */

static int32_t hex4(parser *p, uint32_t *code) {
    *code = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = p->at < p->end ? *p->at : 0;
        if (c >= '0' && c <= '9') c -= '0';
        else if (c >= 'a' && c <= 'f') c -= 'a' - 10;
        else if (c >= 'A' && c <= 'F') c -= 'A' - 10;
        else return expected(p, "four hexadecimal digits after \\u");
        *code = *code << 4 | c;
        p->at++;
    }
    return VOX_OK;
}

static void put_code_point(parser *p, uint32_t c) {
    if (c < 0x80) {
        *p->text++ = (char)c;
        return;
    }
    int tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    *p->text++ = (char)((0xff00u >> (tail + 1)) | c >> 6 * tail); /* 110, 1110 or 11110, and the top bits */
    while (tail--) *p->text++ = (char)(0x80 | (c >> 6 * tail & 0x3f));
}

/* After the backslash. */
static int32_t escape(parser *p) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (take(p, 'u')) {
        uint32_t c, low;
        if (hex4(p, &c)) return p->e->code;
        if (c >= 0xdc00 && c <= 0xdfff) return expected(p, "a high surrogate before a low one");
        if (c >= 0xd800 && c <= 0xdbff) {
            if (!take(p, '\\') || !take(p, 'u')) return expected(p, "\\u with a low surrogate");
            if (hex4(p, &low)) return p->e->code;
            if (low < 0xdc00 || low > 0xdfff) return expected(p, "a low surrogate before this");
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
        put_code_point(p, c);
        return VOX_OK;
    }
    const char *found = p->at < p->end && *p->at ? strchr(from, *p->at) : NULL;
    if (!found) return expected(p, "one of \"\\/bfnrtu after a backslash");
    *p->text++ = to[found - from];
    p->at++;
    return VOX_OK;
}

/* Copies one multi-byte UTF-8 sequence: no overlong forms, no surrogates, at most U+10FFFF. */
static int32_t multibyte(parser *p) {
    uint8_t lead = *p->at;
    int tail = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    uint32_t c = lead & (0x3f >> tail);
    bool valid = lead >= 0xc2 && lead <= 0xf4 && p->end - p->at > tail;
    for (int i = 1; valid && i <= tail; i++) {
        valid = (p->at[i] & 0xc0) == 0x80;
        c = c << 6 | (p->at[i] & 0x3f);
    }
    static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
    if (!valid || c < least[tail] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return expected(p, "valid UTF-8");
    for (int i = 0; i <= tail; i++) *p->text++ = (char)*p->at++;
    return VOX_OK;
}

static int32_t string(parser *p) {
    if (!take(p, '"')) return expected(p, "a string");
    char *start = p->text;
    for (;;) {
        const uint8_t *plain = p->at;
        while (p->at < p->end && *p->at >= 0x20 && *p->at < 0x80 && *p->at != '"' && *p->at != '\\') p->at++;
        memcpy(p->text, plain, (size_t)(p->at - plain));
        p->text += p->at - plain;
        if (take(p, '"')) break;
        if (take(p, '\\')) {
            if (escape(p)) return p->e->code;
        } else if (p->at < p->end && *p->at >= 0x80) {
            if (multibyte(p)) return p->e->code;
        } else {
            return expected(p, "a string without control characters, closed by a quote");
        }
    }
    *p->text++ = 0;
    return push(p, (json_node){ .type = JSON_STRING, .size = (uint32_t)(p->text - start - 1) & 0xfffffff, .text = start });
}

/* ---- numbers ---- */

static bool digit(const parser *p) { return p->at < p->end && *p->at >= '0' && *p->at <= '9'; }

/* The first 19 significant digits times a power of ten: exact up to 2^53 with at
 * most 22 decimal places, within two units in the last place beyond. No strtod:
 * it obeys the locale. */
static int32_t number(parser *p) {
    uint64_t digits = 0;
    int32_t scale = 0, significant = 0;
    bool negative = take(p, '-'), integer = true;
    if (!digit(p)) return expected(p, "a value");
    if (*p->at == '0' && p->end - p->at > 1 && p->at[1] >= '0' && p->at[1] <= '9') return expected(p, "a number without leading zeros");
    for (bool fraction = false;;) {
        if (!fraction && take(p, '.')) {
            fraction = true;
            integer = false;
            if (!digit(p)) return expected(p, "a digit after the decimal point");
        }
        if (!digit(p)) break;
        if (significant < 19) {
            digits = digits * 10 + (*p->at - '0');
            significant += digits != 0;
            scale -= fraction;
        } else {
            integer = false;
            scale += !fraction;
        }
        p->at++;
    }
    if (take(p, 'e') || take(p, 'E')) {
        integer = false;
        bool below = take(p, '-');
        if (!below) take(p, '+');
        if (!digit(p)) return expected(p, "a digit in the exponent");
        int32_t exponent = 0;
        for (; digit(p); p->at++)
            if (exponent < 100000) exponent = exponent * 10 + (*p->at - '0');
        scale += below ? -exponent : exponent;
    }
    if (integer && digits <= INT64_MAX && !(negative && !digits))
        return push(p, (json_node){ .type = JSON_INTEGER, .integer = negative ? -(int64_t)digits : (int64_t)digits });
    double magnitude = (double)digits;
    if (scale < 0 && scale >= -300) magnitude /= pow(10, -scale);
    else if (scale && digits) magnitude *= pow(10, scale);
    if (!isfinite(magnitude)) return expected(p, "a number below 1.8e308 before this");
    return push(p, (json_node){ .type = JSON_NUMBER, .number = negative ? -magnitude : magnitude });
}

/* ---- values ---- */

static int32_t word(parser *p, const char *spelling, json_type type) {
    size_t n = strlen(spelling);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, spelling, n)) return expected(p, "a value");
    p->at += n;
    return push(p, (json_node){ .type = type });
}

/* An array, or an object when close is '}'. */
static int32_t container(parser *p, char close, int32_t depth) {
    size_t self = p->n_nodes;
    uint32_t size = 0;
    bool object = close == '}';
    if (depth == JSON_MAX_DEPTH)
        return vox_fail(p->e, VOX_E_FORMAT, "%s: byte %zu: nested more than %d deep", p->name, (size_t)(p->at - p->begin), JSON_MAX_DEPTH);
    p->at++;
    if (push(p, (json_node){ .type = object ? JSON_OBJECT : JSON_ARRAY })) return p->e->code;
    skip_space(p);
    if (!take(p, close)) {
        do {
            skip_space(p);
            if (object) {
                if (string(p)) return p->e->code;
                skip_space(p);
                if (!take(p, ':')) return expected(p, "':'");
                skip_space(p);
            }
            if (value(p, depth + 1)) return p->e->code;
            size++;
            skip_space(p);
        } while (take(p, ','));
        if (!take(p, close)) return expected(p, object ? "',' or '}'" : "',' or ']'");
    }
    p->nodes[self].size = size & 0xfffffff;
    p->nodes[self].span = (uint32_t)(p->n_nodes - self);
    return VOX_OK;
}

static int32_t value(parser *p, int32_t depth) {
    switch (p->at < p->end ? *p->at : 0) {
    case '{': return container(p, '}', depth);
    case '[': return container(p, ']', depth);
    case '"': return string(p);
    case 't': return word(p, "true", JSON_TRUE);
    case 'f': return word(p, "false", JSON_FALSE);
    case 'n': return word(p, "null", JSON_NULL);
    default: return number(p);
    }
}

int32_t json_parse(const void *bytes, size_t n, const char *name, json *out, vox_error *e) {
    *out = (json){ 0 };
    vox_error local = { 0 };
    if (n > JSON_MAX_BYTES)
        return vox_fail(e, VOX_E_FORMAT, "%s: expected at most %zu bytes of JSON, found %zu", name, JSON_MAX_BYTES, n);
    parser p = { .begin = bytes, .at = bytes, .end = (const uint8_t *)bytes + n, .name = name, .e = e ? e : &local };
    char *text = p.text = malloc(n + 1);
    if (!text) return vox_fail(e, VOX_E_MEMORY, "%s: out of memory for its strings", name);
    skip_space(&p);
    int32_t status = value(&p, 0);
    skip_space(&p);
    if (!status && p.at < p.end) status = expected(&p, "the end of the text");
    *out = (json){ .root = p.nodes, .text = text };
    if (status) json_free(out);
    return status;
}

void json_free(json *doc) {
    free(doc->root);
    free(doc->text);
    *doc = (json){ 0 };
}

const json_node *json_get(const json_node *v, const char *key) {
    if (!json_is(v, JSON_OBJECT)) return NULL;
    size_t n = strlen(key);
    const json_node *found = NULL, *member = json_first(v);
    for (uint32_t i = 0; i < v->size; i++, member = json_next(member + 1))
        if (member->size == n && !memcmp(member->text, key, n)) found = member + 1;
    return found;
}

bool json_is(const json_node *v, json_type type) { return v && v->type == type; }

bool json_integer(const json_node *v, int64_t *out) {
    if (!json_is(v, JSON_INTEGER)) return false;
    *out = v->integer;
    return true;
}

bool json_number(const json_node *v, double *out) {
    if (json_is(v, JSON_INTEGER)) *out = (double)v->integer;
    else if (json_is(v, JSON_NUMBER)) *out = v->number;
    else return false;
    return true;
}

const char *json_describe(const json_node *v, char text[static 48]) {
    static const char *const names[] = { "null", "false", "true", "", "", "", "an array", "an object" };
    if (!v) return "nothing";
    if (v->type == JSON_INTEGER) snprintf(text, 48, "%lld", (long long)v->integer);
    else if (v->type == JSON_NUMBER) snprintf(text, 48, "%.9g", v->number);
    else if (v->type == JSON_STRING) {
        snprintf(text, 48, "\"%.32s\"", v->text);
        for (char *c = text; *c; c++)
            if (*c < 0x20 || *c > 0x7e) *c = '?';
    } else return names[v->type];
    return text;
}

/* ---- writing ---- */

void json_append(char *out, int64_t capacity, int64_t *length, const char *format, ...) {
    int64_t room = *length < capacity ? capacity - *length : 0;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(room ? out + *length : NULL, (size_t)room, format, args);
    va_end(args);
    if (n > 0) *length += n;
}

void json_append_string(char *out, int64_t capacity, int64_t *length, const char *text) {
    json_append(out, capacity, length, "\"");
    for (; *text; text++) {
        uint8_t c = (uint8_t)*text;
        if (c == '"' || c == '\\') json_append(out, capacity, length, "\\%c", c);
        else if (c < 0x20) json_append(out, capacity, length, "\\u%04x", c);
        else json_append(out, capacity, length, "%c", c);
    }
    json_append(out, capacity, length, "\"");
}
