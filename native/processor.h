/** What the processor and the operating system offer. */
#ifndef PROCESSOR_H
#define PROCESSOR_H

int hasAvx2(void), hasAvxVnni(void), hasAvx512Vnni(void), hasAmx(void), hasNeonDot(void), hasI8mm(void);

#endif
