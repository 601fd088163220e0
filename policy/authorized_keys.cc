#include "policy/authorized_keys.h"
