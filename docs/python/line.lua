-- cotan in Lua, by LuaJIT's FFI: learns y = 2 x + 1. The declarations are those of docs/reference/signatures.json that are used here.
-- usage: luajit line.lua [LIBRARY]
local ffi = require("ffi")
ffi.cdef [[
typedef struct ct_tensor ct_tensor; typedef struct ct_module ct_module; typedef struct ct_optimizer ct_optimizer;
typedef struct { size_t struct_size; double lr, momentum; } ct_optimizer_options; /* the first members do */
extern const char ct_rule_sgd[1];
int ct_scope_open(void); int ct_scope_close(void); int ct_error_code(void); const char *ct_error_message(void);
ct_tensor *ct_from_values(int, const double *, int64_t, const int64_t *, int);
ct_tensor *ct_sub(ct_tensor *, ct_tensor *); ct_tensor *ct_square(ct_tensor *); ct_tensor *ct_mean(ct_tensor *, const void *);
ct_tensor *ct_keep(ct_tensor *); void ct_release(ct_tensor *); double ct_item(const ct_tensor *);
int ct_backward(ct_tensor *, const void *);
ct_module *ct_module_new(int); void ct_module_free(ct_module *);
ct_module *ct_linear_new(ct_module *, const char *, int64_t, int64_t, const void *);
ct_tensor *ct_forward(ct_module *, ct_tensor *); ct_tensor *ct_module_get(const ct_module *, const char *);
void ct_optimizer_options_init(ct_optimizer_options *, size_t);
ct_optimizer *ct_optimizer_new(ct_module *, const void *, const ct_optimizer_options *); void ct_optimizer_free(ct_optimizer *);
void ct_optimizer_zero_grad(ct_optimizer *); int ct_optimizer_step(ct_optimizer *);
]]
local ct = ffi.load(arg[1] or "cotan")
local FLOAT64 = 1

local function checked(value)
    if ct.ct_error_code() ~= 0 then error(ffi.string(ct.ct_error_message()), 2) end
    return value
end

local function column(...)
    local n = select("#", ...)
    local t = ct.ct_from_values(FLOAT64, ffi.new("double[?]", n, ...), n, ffi.new("int64_t[2]", n, 1), 2)
    return ffi.gc(ct.ct_keep(checked(t)), ct.ct_release)
end

local x, y = column(0, 1, 2, 3), column(1, 3, 5, 7)
local net = ffi.gc(ct.ct_module_new(FLOAT64), ct.ct_module_free)
local line = checked(ct.ct_linear_new(net, "line", 1, 1, nil))
local options = ffi.new("ct_optimizer_options")
ct.ct_optimizer_options_init(options, ffi.sizeof(options))
options.lr, options.momentum = 0.05, 0.9
local sgd = ffi.gc(checked(ct.ct_optimizer_new(net, ct.ct_rule_sgd, options)), ct.ct_optimizer_free)
for _ = 1, 300 do
    ct.ct_scope_open()
    ct.ct_optimizer_zero_grad(sgd)
    ct.ct_backward(ct.ct_mean(ct.ct_square(ct.ct_sub(ct.ct_forward(line, x), y)), nil), nil)
    checked(ct.ct_optimizer_step(sgd))
    ct.ct_scope_close()
end
local weight, bias = ct.ct_item(ct.ct_module_get(net, "line.weight")), ct.ct_item(ct.ct_module_get(net, "line.bias"))
print(("y = %.3f x + %.3f"):format(weight, bias))
local good = math.abs(weight - 2) < 1e-3 and math.abs(bias - 1) < 1e-3
print(good and "1 passed, 0 failed" or "0 passed, 1 failed")
os.exit(good and 0 or 1)
