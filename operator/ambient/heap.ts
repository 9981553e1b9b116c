// How V8 keeps the objects of this process, as far as no option in the environment can tell it.
import { setFlagsFromString } from 'node:v8'

/**
 * To be called before anything else is done. V8 notes which places in the code make objects that live long, and makes those of later
 * on old at once. Ours are such a place at the start only, when caches and fleet view fill; afterwards they read thousands of beats a
 * second, each thrown away at once. Made old, they and all that they hold stay until the whole heap is tidied up, which was half
 * of the CPU of an operator with thousands of nodes.
 */
export const makeObjectsYoung = (): void => setFlagsFromString('--no-allocation-site-pretenuring')
