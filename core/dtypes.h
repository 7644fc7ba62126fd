/* The element types, a row each. Includers define what becomes of a row:
 *
 * DTYPE(constant, type, name, kind, safetensors, npy)
 *
 *     constant     of ct_dtype, whose rows stand in its order
 *     type         in C
 *     name         in messages
 *     kind         REAL, SIGNED, UNSIGNED, TRUTH: a byte, 0 or 1, or HALF and BRAIN: the bits of a float that C does not have
 *     safetensors, npy   what files call it that have it as it is; NULL: they do not */
DTYPE(CT_FLOAT32, float, "float32", REAL, "F32", "<f4")
DTYPE(CT_FLOAT64, double, "float64", REAL, "F64", "<f8")
DTYPE(CT_INT64, int64_t, "int64", SIGNED, "I64", "<i8")
DTYPE(CT_INT32, int32_t, "int32", SIGNED, "I32", "<i4")
DTYPE(CT_UINT8, uint8_t, "uint8", UNSIGNED, "U8", "|u1")
DTYPE(CT_BOOL, uint8_t, "bool", TRUTH, "BOOL", "|b1")
DTYPE(CT_FLOAT16, uint16_t, "float16", HALF, "F16", "<f2")
DTYPE(CT_BFLOAT16, uint16_t, "bfloat16", BRAIN, "BF16", NULL)
#undef DTYPE
