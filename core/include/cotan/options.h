/* Options: what a function takes beside its arguments, as members of a struct that are given by name.
 *
 *     ct_conv2d(x, w, b, .stride = {2}, .padding = {1})
 *
 * A member that is not given has its default, which stands beside the struct; one that is given means what it says, 0 too.
 * A value without a name does not compile; but clang lets one through behind a named one, for the member that comes next, and of a
 * member that is named twice both compilers take the last, since the warning about that must be off for defaults. What is behind it: each option struct begins with CT_OPTIONS_HEAD, and each has a
 * macro CT_DEFAULTS_<type>, the initialisers of its members that are not 0 by default, each with a comma behind it; the macros of
 * functions put what is given behind those (CT_WITH1 and so on).
 *
 * A plain function, (ct_conv2d)(x, w, b, &options), takes a pointer; NULL stands for the defaults. Such a struct is made with
 *
 *     CT_OPTIONS(ct_conv_options, options, .stride = {2});      in C: declares options
 *     ct_conv_options options;                                  in C++ and other languages
 *     ct_conv_options_init(&options, sizeof options);           every option struct has such a function
 *     options.stride[0] = 2;
 *
 * Invariant: struct_size is the struct's size where it was compiled. So members can be added at a struct's end: a library reads a
 * struct of an older program as one whose new members have their defaults, and refuses one that is newer than itself. */
#ifndef COTAN_OPTIONS_H
#define COTAN_OPTIONS_H

#include <cotan/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The first members. gcc refuses values without a name by the attribute; in clang by_name, which is of size 0, stops those that
 * come first: nothing can initialise it. C++ has no use for it. */
#ifdef __cplusplus
#define CT_BY_NAME
#define CT_OPTIONS_HEAD size_t struct_size
#else
#ifdef __clang__
#define CT_BY_NAME
#else
#define CT_BY_NAME __attribute__((designated_init))
#endif
typedef struct ct_by_name {
    __extension__ char nothing[0];
} ct_by_name;
#define CT_OPTIONS_HEAD \
    size_t struct_size; \
    ct_by_name by_name
#endif

/* A default that depends on more than the struct (an optimiser's rule, say): a NaN that no computation makes, and a number.
 * The comment of such a member says what it comes to. */
#define CT_UNSET __builtin_nan("0x0c07a")
#define CT_UNSET_INT INT32_MIN
/* Whether a double is CT_UNSET (which == cannot tell). */
CT_API bool ct_is_unset(double value);

/* A member with an entry for each axis: a lone first entry stands for all axes, .padding = {1}. Since {1, 0} cannot be told
 * from {1}, a 0 behind another entry is written CT_ZERO: .padding = {1, CT_ZERO}. {0, 1} is 0 and 1. */
#define CT_ZERO INT64_MIN
/* {n, n, n}: the same as {n}. */
#define CT_EACH(n) \
    {              \
        n, n, n    \
    }

/* How functions read options, yours too. Returns given if it has the size of defaults, defaults if given is NULL; an older
 * struct is completed in room, which has defaults' size. NULL with an error (argument): a size of 0 (not made as above), or
 * larger than defaults'. All three point to option structs; function is for the message. */
CT_API const void *ct_options_read(const char *function, const void *given, const void *defaults, void *room);
/* What <type>_init() does: the defaults, as far as size goes. NULL is fine. */
CT_API void ct_options_init(void *options, size_t size, const void *defaults);

/* Whether a member is not as default_, which has the same size; then the error (argument) "<function>: takes no <member>". */
CT_API bool ct_option_refused(const char *function, const char *member, const void *given, const void *default_,
                              size_t size);

#ifndef __cplusplus
/* The defaults as a list of initialisers: static const ct_conv_options defaults = {CT_DEFAULTS(ct_conv_options)}; */
#define CT_DEFAULTS(type) CT_DEFAULTS_##type.struct_size = sizeof(type)
/* Declares options (type *) as what the caller gave, completed; NULL with an error. */
#define CT_READ_OPTIONS(type, options, given, function)                   \
    static const type options##_defaults = {CT_DEFAULTS(type)};           \
    type options##_room;                                                  \
    const type *options = (given) && (given)->struct_size == sizeof(type) \
                              ? (given)                                   \
                              : (const type *)ct_options_read(function, given, &options##_defaults, &options##_room)
/* For a function that shares its struct with others: true, with an error, if a member that is theirs has been given. Behind
 * CT_READ_OPTIONS(type, options, ...). */
#define CT_TAKES_NO(options, function, member) \
    ct_option_refused(function, #member, &(options)->member, &options##_defaults.member, sizeof(options)->member)
/* Defines <type>_init(). */
#define CT_OPTIONS_INIT(type)                             \
    void type##_init(type *options, size_t size)          \
    {                                                     \
        static const type defaults = {CT_DEFAULTS(type)}; \
        ct_options_init(options, size, &defaults);        \
    }

/* Later initialisers override the defaults, which is what they are for, and a lone entry needs no braces (.padding = 1): no
 * warning there, and an error for values without a name, and for functions and pointers of another type, which are only a warning
 * otherwise. */
#ifdef __clang__
#define CT_OVERRIDE_BEGIN                                                                            \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Winitializer-overrides\"") \
        _Pragma("clang diagnostic ignored \"-Wmissing-braces\"")                                     \
            _Pragma("clang diagnostic error \"-Wexcess-initializers\"")                              \
                _Pragma("clang diagnostic error \"-Wincompatible-pointer-types\"")
#define CT_OVERRIDE_END _Pragma("clang diagnostic pop")
#else
#define CT_OVERRIDE_BEGIN                                                                                            \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Woverride-init\"")                             \
        _Pragma("GCC diagnostic ignored \"-Wmissing-braces\"") _Pragma("GCC diagnostic error \"-Wdesignated-init\"") \
            _Pragma("GCC diagnostic error \"-Wincompatible-pointer-types\"")
#define CT_OVERRIDE_END _Pragma("GCC diagnostic pop")
#endif

/* Declares options of the type given. */
#define CT_OPTIONS(type, options, ...)                                 \
    CT_OVERRIDE_BEGIN type options = {CT_DEFAULTS(type), __VA_ARGS__}; \
    CT_OVERRIDE_END _Static_assert(sizeof(type) > 0, "ends with a semicolon")

/* For a plain call: a pointer to options of the type given, which live as long as the block around. */
#define CT_GIVEN(type, ...) (&(type){CT_DEFAULTS(type), __VA_ARGS__})

/* CT_WITHk(function, type, k arguments, options...): the call with a pointer to the options. A comma may end the list, so that
 * the macro of a function may be ct_sum(...) CT_WITH1(ct_sum, ct_reduce_options, __VA_ARGS__, ) and its options left out. */
#define CT_CALL_(call)          \
    __extension__({             \
        CT_OVERRIDE_BEGIN call; \
        CT_OVERRIDE_END         \
    })
#define CT_WITH0(function, type, ...) CT_CALL_(function(CT_GIVEN(type, __VA_ARGS__)))
#define CT_WITH1(function, type, a, ...) CT_CALL_(function(a, CT_GIVEN(type, __VA_ARGS__)))
#define CT_WITH2(function, type, a, b, ...) CT_CALL_(function(a, b, CT_GIVEN(type, __VA_ARGS__)))
#define CT_WITH3(function, type, a, b, c, ...) CT_CALL_(function(a, b, c, CT_GIVEN(type, __VA_ARGS__)))
#define CT_WITH4(function, type, a, b, c, d, ...) CT_CALL_(function(a, b, c, d, CT_GIVEN(type, __VA_ARGS__)))
#define CT_WITH5(function, type, a, b, c, d, e, ...) CT_CALL_(function(a, b, c, d, e, CT_GIVEN(type, __VA_ARGS__)))
#define CT_WITH6(function, type, a, b, c, d, e, f, ...) \
    CT_CALL_(function(a, b, c, d, e, f, CT_GIVEN(type, __VA_ARGS__)))
#define CT_WITH7(function, type, a, b, c, d, e, f, g, ...) \
    CT_CALL_(function(a, b, c, d, e, f, g, CT_GIVEN(type, __VA_ARGS__)))
#define CT_WITH8(function, type, a, b, c, d, e, f, g, h, ...) \
    CT_CALL_(function(a, b, c, d, e, f, g, h, CT_GIVEN(type, __VA_ARGS__)))
#endif

#ifdef __cplusplus
}
#endif
#endif
