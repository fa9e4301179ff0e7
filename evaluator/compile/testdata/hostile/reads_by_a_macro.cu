// A name put together where no scan of the text sees it.
// expect: diagnostics
#define QUOTE(x) #x
#define PATH(a, b) QUOTE(/a/b)
#include PATH(etc, passwd)
__global__ void f() {}
