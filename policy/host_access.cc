#include "policy/host_access.h"
