/* The console where there is an operating system. */

#include "console.h"

#include <stdio.h>

void print(const char *text) { fputs(text, stdout); }
