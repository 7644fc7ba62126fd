#include "module_internal.h"
void ct__summary_note(struct summary *summary, const ct_module *module, const ct_tensor *y)
{
    (void)summary, (void)module, (void)y;
}
