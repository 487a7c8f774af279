/* lib/json.c: what RFC 8259 allows and forbids, where errors point, limits, and writing. */
#include "json.h"
#include "test.h"

/* Parses text that ends at an unreadable page. */
static int32_t parse(const char *text, size_t n, json *doc, vox_error *e) {
    guarded g = guarded_copy(text, n);
    *e = (vox_error){ 0 };
    int32_t status = json_parse(g.bytes, n, "t", doc, e);
    guarded_free(&g);
    return status;
}

static void test_numbers(test_state *t) {
    static const struct { const char *text; bool integer; int64_t i; double x; } good[] = {
        { "0", true, 0, 0 }, { "7", true, 7, 7 }, { "-12", true, -12, -12 }, { " 1\n", true, 1, 1 },
        { "9223372036854775807", true, INT64_MAX, 9223372036854775807.0 }, { "9007199254740993", true, 9007199254740993, 9007199254740993.0 },
        { "9223372036854775808", false, 0, 9223372036854775808.0 }, { "123456789012345678901234", false, 0, 123456789012345678901234.0 },
        { "-0", false, 0, -0.0 }, { "1.5", false, 0, 1.5 }, { "1e-05", false, 0, 1e-05 }, { "1E+6", false, 0, 1e6 }, { "12.5e0", false, 0, 12.5 },
        { "0.000001", false, 0, 1e-6 }, { "-0.1", false, 0, -0.1 }, { "1e22", false, 0, 1e22 }, { "1e-400", false, 0, 0 }, { "0e999999999", false, 0, 0 },
        { "1.7976931348623157e308", false, 0, 1.7976931348623157e308 },
    };
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        json doc;
        vox_error e;
        int64_t i = -1;
        double x = -1;
        int32_t status = parse(good[k].text, strlen(good[k].text), &doc, &e);
        CHECK(t, status == 0, "%s: %s", good[k].text, e.text);
        CHECK(t, json_integer(doc.root, &i) == good[k].integer && (!good[k].integer || i == good[k].i), "%s: %lld", good[k].text, (long long)i);
        CHECK(t, json_number(doc.root, &x) && fabs(x - good[k].x) <= fabs(good[k].x) * 3e-16 && signbit(x) == signbit(good[k].x),
              "%s: %.17g", good[k].text, x);
        json_free(&doc);
    }
    double worst = 0;
    for (int k = 0; k < 2000; k++) {
        char text[40];
        json doc;
        vox_error e;
        double x = test_float(t) * pow(10, test_range(t, -290, 290)), y = 0;
        snprintf(text, sizeof text, "%.17g", x);
        parse(text, strlen(text), &doc, &e);
        json_number(doc.root, &y);
        worst = fmax(worst, fabs(y - x) / fabs(x));
        json_free(&doc);
    }
    CHECK(t, worst < 5e-16, "relative error %g", worst);
}

static void test_strings(test_state *t) {
    static const struct { const char *text, *value; uint32_t size; } good[] = {
        { "\"\"", "", 0 }, { "\"abc\"", "abc", 3 }, { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8 }, { "\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac", 6 },
        { "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4 }, { "\"a\\u0000b\"", "a\0b", 3 }, { "\"\xc3\xa9\xe2\x82\xac\xf4\x8f\xbf\xbf\"", "\xc3\xa9\xe2\x82\xac\xf4\x8f\xbf\xbf", 9 },
        { "\"\x7f\"", "\x7f", 1 },
    };
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        json doc;
        vox_error e;
        int32_t status = parse(good[k].text, strlen(good[k].text), &doc, &e);
        CHECK(t, status == 0 && json_is(doc.root, JSON_STRING) && doc.root->size == good[k].size &&
                     !memcmp(doc.root->text, good[k].value, good[k].size + 1), "%s: %s", good[k].text, e.text);
        json_free(&doc);
    }
}

static void test_structure(test_state *t) {
    static const char text[] = " { \"a\" : [ 1 , [ ] , { } , \"x\" , null ] , \"b\":{\"c\":true,\"d\":false}, \"a\\u0000\": 5, \"b\": 2 } ";
    json doc;
    vox_error e;
    CHECK(t, parse(text, sizeof text - 1, &doc, &e) == 0, "%s", e.text);
    const json_node *a = json_get(doc.root, "a"), *item = a ? json_first(a) : NULL;
    static const json_type types[] = { JSON_INTEGER, JSON_ARRAY, JSON_OBJECT, JSON_STRING, JSON_NULL };
    CHECK(t, json_is(doc.root, JSON_OBJECT) && doc.root->size == 4, "%u members", (unsigned)doc.root->size);
    CHECK(t, json_is(a, JSON_ARRAY) && a->size == 5, "a");
    for (int i = 0; a && i < 5; i++, item = json_next(item)) CHECK(t, json_is(item, types[i]), "element %d", i);
    CHECK(t, item && json_is(item, JSON_STRING) && !strcmp(item->text, "b"), "the key after an array follows it");
    int64_t b = 0;
    CHECK(t, json_integer(json_get(doc.root, "b"), &b) && b == 2, "of two equal keys the last counts");
    CHECK(t, !json_get(doc.root, "c") && !json_get(a, "a") && !json_get(NULL, "a"), "absent keys");
    json_free(&doc);
}

static void test_errors(test_state *t) {
    static const struct { const char *text, *message; } bad[] = {
        { "", "t: byte 0: expected a value, found the end" }, { "  ", "byte 2: expected a value, found the end" },
        { "{", "byte 1: expected a string, found the end" }, { "{\"a\"", "byte 4: expected ':', found the end" },
        { "{\"a\":", "byte 5: expected a value, found the end" }, { "{\"a\":1", "byte 6: expected ',' or '}', found the end" },
        { "{a:1}", "byte 1: expected a string, found 'a'" }, { "{\"a\" 1}", "byte 5: expected ':', found '1'" },
        { "{\"a\":1,}", "byte 7: expected a string, found '}'" }, { "[1,]", "byte 3: expected a value, found ']'" },
        { "[1 2]", "byte 3: expected ',' or ']', found '2'" }, { "[", "byte 1: expected a value, found the end" },
        { "1 2", "byte 2: expected the end of the text, found '2'" }, { "{}}", "byte 2: expected the end of the text" },
        { "tru", "byte 0: expected a value, found 't'" }, { "nul", "expected a value" }, { "NaN", "expected a value" },
        { "'a'", "expected a value" }, { "\xef\xbb\xbf{}", "byte 0: expected a value, found byte 239" }, { "// x\n1", "expected a value, found '/'" },
        { "01", "byte 0: expected a number without leading zeros" }, { "-01", "byte 1: expected a number without leading" },
        { "+1", "byte 0: expected a value, found '+'" }, { "-", "byte 1: expected a value, found the end" },
        { "1.", "byte 2: expected a digit after the decimal point" }, { ".5", "byte 0: expected a value" },
        { "1e", "byte 2: expected a digit in the exponent" }, { "1e+", "byte 3: expected a digit in the exponent" },
        { "1e309", "byte 5: expected a number below 1.8e308" }, { "1.5.2", "byte 3: expected the end of the text" },
        { "0x10", "byte 1: expected the end of the text" },
        { "\"", "byte 1: expected a string without control characters, closed by a quote, found the end" },
        { "\"a\nb\"", "byte 2: expected a string without control characters, closed by a quote, found byte 10" },
        { "\"\\", "byte 2: expected one of" }, { "\"\\x41\"", "byte 2: expected one of \"\\/bfnrtu after a backslash, found 'x'" },
        { "\"\\u12\"", "byte 5: expected four hexadecimal digits" }, { "\"\\u12", "byte 5: expected four hexadecimal digits after \\u, found the end" },
        { "\"\\ud83d\"", "expected \\u with a low surrogate" }, { "\"\\ud83d\\n\"", "expected \\u with a low" },
        { "\"\\ud83d\\u0041\"", "expected a low surrogate" }, { "\"\\ude00\"", "expected a high surrogate" },
        { "\"\xff\"", "byte 1: expected valid UTF-8, found byte 255" }, { "\"\xc0\x80\"", "byte 1: expected valid UTF-8" },
        { "\"\xe0\x80\x80\"", "valid UTF-8" }, { "\"\xed\xa0\x80\"", "valid UTF-8" }, { "\"\xf4\x90\x80\x80\"", "valid UTF-8" },
        { "\"\xf0\x9f\x98", "valid UTF-8" }, { "\"\xe2\x82\"", "valid UTF-8" }, { "\"\x80\"", "valid UTF-8" },
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        json doc;
        vox_error e;
        int32_t status = parse(bad[k].text, strlen(bad[k].text), &doc, &e);
        CHECK(t, status == VOX_E_FORMAT && !doc.root && !doc.text, "%s was accepted", bad[k].text);
        CHECK(t, strstr(e.text, bad[k].message), "%s: \"%s\" lacks \"%s\"", bad[k].text, e.text, bad[k].message);
    }
    json doc;
    CHECK(t, json_parse("[", 1, "t", &doc, NULL) == VOX_E_FORMAT, "errors may be NULL");
}

/* Depth by arrays, then by objects; then more bytes and more values than allowed. */
static void test_limits(test_state *t) {
    static const char *const opens[] = { "[", "{\"a\":" }, *const closes[] = { "]", "}" };
    for (int kind = 0; kind < 2; kind++)
        for (int depth = JSON_MAX_DEPTH - 1; depth <= JSON_MAX_DEPTH + 1; depth++) {
            char text[1024] = "";
            for (int i = 0; i < depth - 1; i++) strcat(text, opens[kind]);
            strcat(text, "[]");
            for (int i = 0; i < depth - 1; i++) strcat(text, closes[kind]);
            json doc;
            vox_error e;
            int32_t status = parse(text, strlen(text), &doc, &e);
            CHECK(t, status == (depth <= JSON_MAX_DEPTH ? VOX_OK : VOX_E_FORMAT), "depth %d: %s", depth, e.text);
            CHECK(t, !status || strstr(e.text, "nested more than 64 deep"), "%s", e.text);
            json_free(&doc);
        }
    size_t n = 100000; /* unclosed */
    char *text = malloc(n);
    memset(text, '[', n);
    json doc;
    vox_error e;
    CHECK(t, parse(text, n, &doc, &e) == VOX_E_FORMAT, "100,000 open brackets");
    free(text);
    e = (vox_error){ 0 };
    CHECK(t, json_parse("", JSON_MAX_BYTES + 1, "t", &doc, &e) == VOX_E_FORMAT && strstr(e.text, "at most 134217728 bytes"), "%s", e.text);
    n = JSON_MAX_NODES * 2 + 2;
    text = malloc(n);
    for (size_t i = 0; i < n; i++) text[i] = i & 1 ? '1' : ',';
    text[0] = '[';
    e = (vox_error){ 0 };
    CHECK(t, json_parse(text, n, "t", &doc, &e) == VOX_E_FORMAT && strstr(e.text, "more than 8388608 values"), "%s", e.text);
    free(text);
}

static void test_describe_and_append(test_state *t) {
    json doc;
    vox_error e;
    char text[48], out[40];
    static const char source[] = "[null,true,12,1.5,\"a\\n\\u001b[0m\",[],{},\"01234567890123456789012345678901234567890123456789\"]";
    static const char *const names[] = { "null", "true", "12", "1.5", "\"a??[0m\"", "an array", "an object", "\"01234567890123456789012345678901\"" };
    parse(source, sizeof source - 1, &doc, &e);
    const json_node *item = json_first(doc.root);
    for (int i = 0; i < 8; i++, item = json_next(item))
        CHECK(t, !strcmp(json_describe(item, text), names[i]), "%s", text);
    CHECK(t, !strcmp(json_describe(NULL, text), "nothing"), "NULL");
    json_free(&doc);

    int64_t length = 0;
    static const char expected[] = "x 5 \"a\\\"b\\\\c\\u000ad\xc3\xa9\"";
    json_append(out, sizeof out, &length, "x %d ", 5);
    json_append_string(out, sizeof out, &length, "a\"b\\c\nd\xc3\xa9");
    CHECK(t, length == (int64_t)strlen(expected) && !strcmp(out, expected), "%s", out);
    for (int64_t capacity = 0; capacity < length; capacity++) { /* cut anywhere: same length, nothing beyond capacity */
        memset(out, '#', sizeof out);
        int64_t counted = 0;
        json_append(out, capacity, &counted, "x %d ", 5);
        json_append_string(out, capacity, &counted, "a\"b\\c\nd\xc3\xa9");
        CHECK(t, counted == length && out[capacity] == '#', "capacity %lld", (long long)capacity);
        CHECK(t, capacity == 0 || memchr(out, 0, (size_t)capacity), "NUL within %lld bytes", (long long)capacity);
    }
}

int main(void) {
    test_state t = { .random = 1 };
    test_numbers(&t);
    test_strings(&t);
    test_structure(&t);
    test_errors(&t);
    test_limits(&t);
    test_describe_and_append(&t);
    return test_report(&t);
}
