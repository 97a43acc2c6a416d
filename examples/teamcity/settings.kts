// Runs a command with a temporary token.
// Image: the one with a shell, with the container wrapper; or none, with the program
// on the agent.
// Credential: env.JENKINS_API_TOKEN is a parameter of type Password, stored on the
// server (credentialsJSON:… refers to it).
// Cancel: the agent stops the step's process; the second step, which always runs,
// revokes leftovers of this build.
import jetbrains.buildServer.configs.kotlin.*
import jetbrains.buildServer.configs.kotlin.buildSteps.script

version = "2025.07"

project {
    buildType(Deploy)
}

object Deploy : BuildType({
    name = "Deploy"

    params {
        param("env.JENKINS_URL", "https://ci.example.com/jenkins")
        param("env.JENKINS_USERNAME", "deploy-bot")
        password("env.JENKINS_API_TOKEN", "credentialsJSON:00000000-0000-0000-0000-000000000000")
    }

    steps {
        script {
            name = "start the build"
            dockerImage = "ghcr.io/jenkins-token/jenkins-token:1-shell"
            scriptContent = """
                exec jenkins-token exec -- sh -ec '
                  printf "%%s:%%s\n" "${'$'}JENKINS_USER_ID" "${'$'}JENKINS_API_TOKEN" |
                    sed "s/[\\\"]/\\\\&/g; s/.*/user = \"&\"/" |
                    curl --config - --silent --show-error --fail --request POST "${'$'}JENKINS_URL/job/deploy/build"'
            """.trimIndent()
        }
        script {
            name = "revoke leftovers"
            executionMode = BuildStep.ExecutionMode.ALWAYS
            dockerImage = "ghcr.io/jenkins-token/jenkins-token:1-shell"
            scriptContent = """
                host=${'$'}(echo "${'$'}BUILD_URL" | cut -d/ -f3)
                jenkins-token sweep --run "${'$'}BUILD_NUMBER" --project "${'$'}host/${'$'}TEAMCITY_PROJECT_NAME/${'$'}TEAMCITY_BUILDCONF_NAME"
            """.trimIndent()
        }
    }
})
