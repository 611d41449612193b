/** Addresses of clients. */
import { isIPv6 } from 'node:net';

/** The address; for IPv6 the first 64 bits, because a client usually has all addresses with the same ones. */
export function networkOf(address = ''): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [before = '', after] = address.split('::');
  const parts = before.split(':').filter((part) => part !== '');
  const rest = (after ?? '').split(':').filter((part) => part !== '');
  const zeros = Array(after === undefined ? 0 : 8 - parts.length - rest.length).fill('0');
  return [...parts, ...zeros, ...rest].slice(0, 4).join(':');
}
