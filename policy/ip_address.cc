#include "policy/ip_address.h"
