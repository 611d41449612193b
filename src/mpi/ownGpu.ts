/**
 * A GPU for each rank of a host. WebGPU takes the first one that Vulkan lists, and knows no other way to say which:
 * a rank therefore asks Mesa's device-select layer (part of every Linux with Mesa, whatever the card's maker) to list
 * its own first, before WebGPU is opened. Where there is no such layer, the launcher must let a rank see one GPU only:
 * see scripts/ownGpu.sh and docs/mpi.md.
 */
import type { Group } from './group.ts';
import { listGpus, type VulkanGpu } from './vulkan.ts';

export interface RankGpus {
  /** Of every rank, for people: name and place on the bus. */
  readonly gpus: readonly string[];
  /** A warning for the user if ranks share a GPU while others are idle. */
  readonly warning?: string | undefined;
}

/** GPUs of a rank's host. */
interface Place {
  readonly host: string;
  readonly gpu: VulkanGpu | undefined;
  /** GPUs that it could take. */
  readonly seen: number;
}

/** The GPUs as Vulkan lists them now; replaceable for tests. */
type ListGpus = () => Promise<readonly VulkanGpu[]>;

/**
 * Makes WebGPU, if it is not open yet, take this rank's own GPU where that can be had. All ranks must call it.
 * @param env the process's own environment, which the Vulkan loader reads
 */
export async function takeOwnGpu(
  group: Group,
  list: ListGpus = listGpus,
  env: NodeJS.ProcessEnv = process.env,
): Promise<RankGpus> {
  const found = usable(await list());
  const own = inOrder(found)[group.local.rank % Math.max(1, found.length)];
  if (own && own.address !== found[0]!.address) await listFirst(own, found, list, env);
  const gpu = usable(await list())[0];
  const places = await group.gather<Place>({ host: group.hosts[group.rank]!, gpu, seen: found.length });
  return { gpus: places.map((place) => describe(place.gpu)), warning: warningOf(places) };
}

/**
 * Sets DRI_PRIME so that `own` is listed first; leaves it alone if that can't be had, or the user has set it. Releases
 * of the layer differ: to some of them a card's tag means "any but this one". What counts is what Vulkan then lists.
 */
async function listFirst(
  own: VulkanGpu,
  gpus: readonly VulkanGpu[],
  list: ListGpus,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  if (env.DRI_PRIME !== undefined || env.MESA_VK_DEVICE_SELECT !== undefined) return;
  for (const { address } of [own, ...gpus]) {
    if (address === undefined) return;
    env.DRI_PRIME = `pci-${address.replaceAll(/[:.]/g, '_')}`;
    if (usable(await list())[0]?.address === own.address) return;
  }
  delete env.DRI_PRIME;
}

/** GPUs of the fastest kind present, as WebGPU prefers them. */
function usable(gpus: readonly VulkanGpu[]): readonly VulkanGpu[] {
  for (const kind of ['discrete', 'integrated'] as const) {
    const ofKind = gpus.filter((gpu) => gpu.kind === kind);
    if (ofKind.length > 0) return ofKind;
  }
  return gpus;
}

/** The same order on every rank, whatever Vulkan lists first. */
function inOrder(gpus: readonly VulkanGpu[]): readonly VulkanGpu[] {
  return gpus.toSorted((a, b) => ((a.address ?? '') < (b.address ?? '') ? -1 : 1));
}

function describe(gpu: VulkanGpu | undefined): string {
  if (!gpu) return 'a GPU that Vulkan does not list';
  return gpu.address ? `${gpu.name} at ${gpu.address}` : gpu.name;
}

function warningOf(places: readonly Place[]): string | undefined {
  for (const host of new Set(places.map((place) => place.host))) {
    const ranks = places.filter((place) => place.host === host);
    const taken = new Set(ranks.map(({ gpu }) => gpu?.address)).size;
    const seen = Math.max(...ranks.map((place) => place.seen));
    if (taken < Math.min(ranks.length, seen)) {
      return (
        `on ${host} ${ranks.length} ranks share ${taken} of ${seen} GPUs; ` +
        '"mpirun … scripts/ownGpu.sh npx plusminus train …" gives each its own (docs/mpi.md)'
      );
    }
  }
  return undefined;
}
