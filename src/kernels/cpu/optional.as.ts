/** The address of an optional tensor: 0 if it is absent. */
export type Optional = usize;
