#include "policy/ssh_wire.h"
