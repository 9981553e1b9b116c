// `rtcnode certificates`: everybody's certificate for the registry, made or renewed if need be, and what its holder may do
// there. Run once after an install or upgrade, and from time to time by a CronJob; a run that finds all well changes nothing.
import type { Clock } from '../ambient/clock.ts'
import type { Random } from '../ambient/random.ts'
import { objectKey } from '../api/meta.ts'
import { kubeMetrics } from '../kube/metrics.ts'
import { kubeTransport } from '../kube/transport.ts'
import type { Logger } from '../telemetry/log.ts'
import { metricRegistry } from '../telemetry/metrics.ts'
import { rulesOf } from './decide.ts'
import { grantAccess } from './grant-access.ts'
import { handOnCertificates } from './hand-on.ts'
import { identities } from './identities.ts'
import { keepCertificates } from './keep-certificates.ts'
import { restartOnNewTrust } from './new-trust.ts'
import { collectProblems } from './problems.ts'
import { secretsOn } from './secrets.ts'
import type { CertificatesConfig } from './settings.ts'

export interface CertificatesDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly version: string
}

/** Throws CertificatesError with all that could not be done; what could be is done. */
export async function certificates(
  config: CertificatesConfig,
  deps: CertificatesDeps,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = deps
  const transport = await kubeTransport({
    ...deps,
    metrics: kubeMetrics(metricRegistry()),
    userAgent: `rtcnode-certificates/${deps.version}`,
    ...(config.kubeconfig === undefined ? {} : { kubeconfigPath: config.kubeconfig }),
  })
  try {
    const registry = objectKey(config.registryName, config.namespace)
    const secrets = secretsOn(transport, { registry, ownerRole: config.ownerRole })
    const problems = collectProblems()
    const keeping = { secrets, clock, log, problems }
    const root =
      config.issuer === 'own'
        ? await keepCertificates(config, rulesOf(config.certificateDays, config.renewDays), keeping)
        : await handOnCertificates(config, keeping)
    await problems.collect(() => restartOnNewTrust(config, { transport, secrets, log }))
    const access = {
      endpoints: config.registryEndpoints,
      root,
      identities: identities(config),
      waitMs: config.waitSeconds * 1_000,
    }
    await problems.collect(() => grantAccess(access, { clock, log }, signal))
    problems.throwIfAny()
    log.info('all certificates and users are as they should be')
  } finally {
    await transport.close()
  }
}
