/* JSON (RFC 8259) from untrusted files. A document owns everything: a flat array
 * of nodes in document order, and the decoded strings.
 *
 *     json doc;
 *     if (json_parse(bytes, n, "params.json", &doc, e)) return e->code;
 *     int64_t dim;
 *     if (json_integer(json_get(doc.root, "dim"), &dim)) ...
 *     json_free(&doc);
 *
 * Limits: JSON_MAX_BYTES of text, JSON_MAX_NODES values, JSON_MAX_DEPTH nested
 * arrays and objects. Duplicate keys are kept; json_get finds the last. */
#ifndef VOX_JSON_H
#define VOX_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define JSON_MAX_BYTES ((size_t)1 << 27)
#define JSON_MAX_NODES ((size_t)1 << 23)
#define JSON_MAX_DEPTH 64

typedef enum json_type {
    JSON_NULL, JSON_FALSE, JSON_TRUE,
    JSON_INTEGER, /* written without fraction and exponent, and fits an int64 */
    JSON_NUMBER,  /* any other number */
    JSON_STRING, JSON_ARRAY, JSON_OBJECT
} json_type;

/* An array is followed by its elements, an object by key, value, key, value. */
typedef struct json_node {
    uint32_t type : 4;  /* json_type */
    uint32_t size : 28; /* elements, members, or bytes of a string */
    uint32_t span;      /* nodes of this value, itself included */
    union {
        int64_t integer;
        double number;
        const char *text; /* UTF-8, may contain NUL; a NUL follows */
    };
} json_node;

typedef struct json {
    json_node *root;
    char *text;
} json;

/* Parses n bytes; errors say name, byte offset and what was expected. */
int32_t json_parse(const void *bytes, size_t n, const char *name, json *out, vox_error *e);
void json_free(json *doc);

/* The value of an object's key; NULL if v is no object or lacks it. */
const json_node *json_get(const json_node *v, const char *key);

/* First element or key of a container; the value that follows v in document order. */
static inline const json_node *json_first(const json_node *v) { return v + 1; }
static inline const json_node *json_next(const json_node *v) { return v + v->span; }

/* v as what it should be; false if v is NULL or something else. */
bool json_integer(const json_node *v, int64_t *out);
bool json_number(const json_node *v, double *out);
bool json_is(const json_node *v, json_type type);

/* What v is, for messages: "a string", "12", "nothing" when NULL. */
const char *json_describe(const json_node *v, char text[static 48]);

/* Appends text as a JSON string to out, of which *length bytes are in use; writes
 * what fits into capacity and counts all of it. json_append writes text as it is. */
void json_append_string(char *out, int64_t capacity, int64_t *length, const char *text);
void json_append(char *out, int64_t capacity, int64_t *length, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;

#endif
