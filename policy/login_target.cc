#include "policy/login_target.h"
